import CWire
import Glibc

extension Field {
    /// Of any length, invalid UTF-8 repaired: for what the receiver parses or compares itself. Empty where there is
    /// none.
    ///
    /// JSON of a status or the YAML of an experiment, whose length only the message's own limit bounds.
    static func text(_ pointer: UnsafeMutablePointer<CChar>?) -> String {
        pointer.map { String(cString: $0) } ?? ""
    }

    /// What a node keeps for as long as another is there must not be long: host names, endpoints, folders.
    ///
    /// Throws where it is longer than `WireProtocol.textLimitBytes`, or no UTF-8. Empty where there is none.
    ///
    /// `what` is the field as the error is to have it, such as `endpoint`.
    static func shortText(_ pointer: UnsafeMutablePointer<CChar>?, _ what: String) throws -> String {
        guard let pointer else { return "" }
        guard strnlen(pointer, WireProtocol.textLimitBytes + 1) <= WireProtocol.textLimitBytes else {
            throw WireError("a \(what) of more than \(WireProtocol.textLimitBytes) bytes")
        }
        guard let text = String(validatingCString: pointer) else { throw WireError("a \(what) that is not UTF-8") }
        return text
    }

    /// What people read may be cut off, but is not refused for its length.
    ///
    /// For reasons and descriptions, whose beginning tells enough. Cut after `WireProtocol.textLimitBytes`.
    static func beginning(of pointer: UnsafeMutablePointer<CChar>?) -> String {
        guard let pointer else { return "" }
        let length = strnlen(pointer, WireProtocol.textLimitBytes)
        let repaired = pointer.withMemoryRebound(to: UInt8.self, capacity: length) {
            String(decoding: UnsafeBufferPointer(start: $0, count: length), as: UTF8.self)
        }
        // Bytes that are not UTF-8 become longer when they are repaired, and a character must not be cut in two.
        var kept = repaired.utf8.prefix(WireProtocol.textLimitBytes)
        while !kept.isEmpty {
            if let text = String(kept) { return text }
            kept = kept.dropLast()
        }
        return ""
    }

    /// Names become parts of paths: ASCII letters, digits, `-`, `_` and inner dots, at most 64.
    ///
    /// Throws for an empty name too. So a name that arrives can be joined to a folder's path without leaving the
    /// folder.
    static func name(_ pointer: UnsafeMutablePointer<CChar>?, _ what: String) throws -> String {
        let name = text(pointer)
        guard isAcceptableName(name) else {
            throw WireError(
                "the \(what) \(name.prefix(80).debugDescription); expected 1 to 64 letters, digits, '-', '_' and "
                    + "inner dots")
        }
        return name
    }

    /// The name of a checkpoint, or those of its folder and of itself with a slash between them: a path below the folder
    /// of checkpoints, which it cannot leave. Throws as `name` does.
    static func checkpoint(_ pointer: UnsafeMutablePointer<CChar>?) throws -> String {
        let path = text(pointer)
        let names = path.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard names.count <= 2, names.allSatisfy(isAcceptableName) else {
            throw WireError(
                "the checkpoint \(path.prefix(80).debugDescription); expected one or two names with a slash between "
                    + "them, each of 1 to 64 letters, digits, '-', '_' and inner dots")
        }
        return path
    }

    /// A leading dot is refused: it would hide a file, or name the folder above.
    private static func isAcceptableName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count) && !name.hasPrefix(".") && name.utf8.allSatisfy(isAcceptable)
    }

    /// One byte of ASCII at a time, so that no normalisation of Unicode can make two names equal.
    private static func isAcceptable(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
