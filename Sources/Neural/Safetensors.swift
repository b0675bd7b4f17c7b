import Files
package import Foundation

/// Tensors of 32-bit floats in the safetensors format: eight bytes with the header's length, a header in JSON, the
/// data. PyTorch's `safetensors.torch.load_file` reads what `encode` gives.
///
/// A file comes from outside: everything in its header is checked against the file's size before it is used. Throws
/// `FileError` in words for the file's owner. Numbers are copied as they are; whether they are finite is the caller's
/// to check.
package struct Safetensors {
    /// A tensor in the header; offsets are in bytes from the header's end, the first byte and the one behind the last.
    ///
    /// Offsets count from the first byte behind the header, as the format has it.
    private struct Entry: Codable {
        /// The format's name of the number type; `F32` is the only one that is read.
        let dtype: String
        /// Row-major; sizes may be 0 and must not be negative.
        let shape: [Int]
        /// Begin and end in bytes. Exactly two numbers, which `checkLayout` makes sure of.
        let dataOffsets: [Int]

        enum CodingKeys: String, CodingKey {
            case dtype, shape
            case dataOffsets = "data_offsets"
        }
    }

    /// The largest header that is read, in bytes (the format's own limit).
    package static let maximumHeaderBytes = 100_000_000

    /// Free text beside the tensors.
    package let metadata: [String: String]
    /// For errors: usually the path.
    private let name: String
    private let entries: [String: Entry]
    /// All tensors' bytes: what follows the header.
    private let body: Data

    /// Checks the header of `data`; `name` is what errors call the file.
    ///
    /// Throws `FileError` where the data is shorter than its header claims, where the header is not the format's JSON,
    /// or where a tensor does not fit. `data` may be a mapped file: numbers are copied by `read` alone.
    package init(_ data: Data, name: String) throws {
        guard data.count >= 8 else {
            throw FileError("\(name) is not a safetensors file: \(data.count) bytes, expected at least 8")
        }
        let length = data.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(Safetensors.maximumHeaderBytes), Int(length) <= data.count - 8 else {
            throw FileError(
                "\(name) is truncated or not a safetensors file: its header claims \(length) bytes, "
                    + "the file has \(data.count - 8) after the length")
        }
        let header = data.dropFirst(8).prefix(Int(length))
        body = data.dropFirst(8 + Int(length))
        self.name = name
        (entries, metadata) = try Safetensors.parse(header, name)
        try checkLayout()
    }

    /// The header is one JSON object: `__metadata__` holds strings, every other key is a tensor.
    private static func parse(_ header: Data, _ name: String) throws -> ([String: Entry], [String: String]) {
        struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
        struct Header: Decodable {
            var entries: [String: Entry] = [:]
            var metadata: [String: String] = [:]
            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Key.self)
                for key in container.allKeys {
                    if key.stringValue == "__metadata__" {
                        metadata = try container.decode([String: String].self, forKey: key)
                    } else {
                        entries[key.stringValue] = try container.decode(Entry.self, forKey: key)
                    }
                }
            }
        }
        do {
            let parsed = try JSONDecoder().decode(Header.self, from: header)
            return (parsed.entries, parsed.metadata)
        } catch {
            throw FileError("\(name) has a header that is not the JSON of a safetensors file: \(error)")
        }
    }

    /// Every tensor lies inside the file, has the size of its shape, and none overlaps or leaves a hole.
    ///
    /// Gaps and overlaps are refused, as the format's own reader does: a file must have one meaning.
    private func checkLayout() throws {
        var end = 0
        let ordered = entries.sorted { ($0.value.dataOffsets.first ?? 0) < ($1.value.dataOffsets.first ?? 0) }
        for (tensor, entry) in ordered {
            guard entry.dtype == "F32" else {
                throw FileError("\(name): tensor \(tensor) has type \(entry.dtype), expected F32")
            }
            guard entry.dataOffsets.count == 2, entry.dataOffsets[0] == end, entry.dataOffsets[1] >= end else {
                throw FileError(
                    "\(name): tensor \(tensor) has offsets \(entry.dataOffsets), expected it to begin at \(end)")
            }
            var bytes = 4
            for size in entry.shape {
                let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
                guard size >= 0, !overflow else {
                    throw FileError("\(name): tensor \(tensor) has the impossible shape \(entry.shape)")
                }
                bytes = product
            }
            end = entry.dataOffsets[1]
            guard end - entry.dataOffsets[0] == bytes else {
                throw FileError(
                    "\(name): tensor \(tensor) of shape \(entry.shape) needs \(bytes) bytes, "
                        + "its offsets give \(end - entry.dataOffsets[0])")
            }
        }
        guard body.count == end else {
            throw FileError(
                "\(name) is \(body.count < end ? "truncated" : "too long"): its tensors take \(end) bytes, "
                    + "\(body.count) follow the header")
        }
    }

    /// Ascending.
    package var tensorNames: [String] { entries.keys.sorted() }

    /// Nil for a tensor that the file does not have.
    ///
    /// Sizes as PyTorch's `Tensor.shape` gives them.
    package func shape(of tensor: String) -> [Int]? { entries[tensor]?.shape }

    /// Refuses a missing tensor of `layout`, one of another shape, and one that the layout does not know. Only tensors
    /// whose names begin with `prefix` are looked at.
    ///
    /// Throws `FileError` that names the tensor, the expected shape and what was found. Strangers are refused because a
    /// model that ignores part of a file would not be the model that was saved.
    package func check(_ layout: ParameterLayout, prefix: String = "") throws {
        for tensor in layout.tensors {
            guard let entry = entries[prefix + tensor.name] else {
                throw FileError("\(name): tensor \(prefix + tensor.name) is missing, expected shape \(tensor.shape)")
            }
            guard entry.shape == tensor.shape else {
                throw FileError(
                    "\(name): tensor \(prefix + tensor.name) has shape \(entry.shape), expected \(tensor.shape)")
            }
        }
        let known = Set(layout.tensors.map { prefix + $0.name })
        if let stranger = tensorNames.first(where: { $0.hasPrefix(prefix) && !known.contains($0) }) {
            throw FileError(
                "\(name): tensor \(stranger) of shape \(entries[stranger]?.shape ?? []) is not part of the model")
        }
    }

    /// Copies the tensors of `layout`, each called `prefix` and its name, into a flat buffer, after `check`.
    ///
    /// Throws `FileError` as `check` does; the buffer is then untouched. Padding in the buffer is left as it is.
    package func read(_ layout: ParameterLayout, prefix: String = "", into buffer: FloatBuffer) throws {
        precondition(buffer.count == layout.count)
        try check(layout, prefix: prefix)
        for tensor in layout.tensors {
            guard let entry = entries[prefix + tensor.name] else { continue }
            let begin = body.startIndex + entry.dataOffsets[0]
            let target = UnsafeMutableRawBufferPointer(start: buffer.start + tensor.offset, count: 4 * tensor.count)
            body.copyBytes(to: target, from: begin..<(begin + 4 * tensor.count))
        }
    }

    /// The bytes of a file with the tensors of every part: a prefix for the names and a flat buffer of `layout`. An
    /// optimiser's state has two parts, "first." and "second.". The padding between tensors is left out. Prefixes must
    /// make all names different.
    ///
    /// Written in memory as a whole: a million parameters take 4 MB for each part. The header's keys keep the order of
    /// the layout.
    package static func encode(
        _ layout: ParameterLayout, parts: [(prefix: String, buffer: FloatBuffer)], metadata: [String: String] = [:]
    ) throws -> Data {
        var fields: [String] = []
        if !metadata.isEmpty {
            fields.append("\"__metadata__\":\(try json(metadata))")
        }
        var offset = 0
        for part in parts {
            for tensor in layout.tensors {
                let end = offset + 4 * tensor.count
                let entry = Entry(dtype: "F32", shape: tensor.shape, dataOffsets: [offset, end])
                fields.append("\(try json(part.prefix + tensor.name)):\(try json(entry))")
                offset = end
            }
        }
        var header = Data("{\(fields.joined(separator: ","))}".utf8)
        // The data begins on a multiple of eight bytes.
        header.append(Data(repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8))
        var data = Data(capacity: 8 + header.count + offset)
        withUnsafeBytes(of: UInt64(header.count).littleEndian) { data.append(contentsOf: $0) }
        data.append(header)
        for part in parts {
            for tensor in layout.tensors {
                data.append(Data(bytes: part.buffer.start + tensor.offset, count: 4 * tensor.count))
            }
        }
        return data
    }

    /// Keys in order and slashes plain, so that the same tensors always give the same bytes.
    private static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
