/// The text of a file with keys: what it is in the first line, then a name and 40 characters of Z85 a line. Lines that
/// begin with `#` are for people.
///
///     distillery node key 1
///     # Secret: whoever has this file can join the cluster.
///     public 4Y-...
///     secret 9f(...
///     coordinator Vq$...
///
/// No error repeats what stands in a file: it may be secret.
struct KeyFile {
    /// The raw values are the files' first lines.
    enum Kind: String, CaseIterable {
        case coordinator = "distillery coordinator key 1"
        case node = "distillery node key 1"
        case allowed = "distillery public key 1"

        /// Whether others may not read it either.
        var isSecret: Bool { self != .allowed }

        /// For error messages.
        var name: String {
            switch self {
            case .coordinator: "a coordinator's secret key"
            case .node: "a node's secret key"
            case .allowed: "a public key"
            }
        }

        /// Lines that have to be there, each once.
        fileprivate var fields: Set<String> {
            switch self {
            case .coordinator: ["public", "secret"]
            case .node: ["public", "secret", "coordinator"]
            case .allowed: ["public"]
            }
        }

        /// What may be missing.
        fileprivate var optionalFields: Set<String> { self == .allowed ? ["roles"] : [] }
    }

    let kind: Kind
    let path: String
    /// By the lines' first words.
    private let values: [String: String]

    /// Reads and checks the file at `path`, which has to be of `kind`.
    ///
    /// Throws `key` where the file cannot be read, is readable by others though secret, is of another kind, or has
    /// lines that no such file has.
    init(_ kind: Kind, at path: String) throws(TransportError) {
        self.kind = kind
        self.path = path
        let text = try PrivateFile.read(path, isSecret: kind.isSecret)
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        guard let first = lines.first, let found = Kind(rawValue: String(first)) else {
            throw Self.malformed(path, "expected \(kind.name), whose first line is \"\(kind.rawValue)\"")
        }
        guard found == kind else { throw Self.malformed(path, "expected \(kind.name), this is \(found.name)") }
        var values: [String: String] = [:]
        for (number, line) in lines.enumerated().dropFirst() {
            let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
            guard parts.count == 2, kind.fields.union(kind.optionalFields).contains(parts[0]),
                values.updateValue(parts[1], forKey: parts[0]) == nil
            else {
                // The line may be secret, so the error does not repeat it.
                throw Self.malformed(
                    path,
                    "line \(number + 1) (without remarks) is none of \(kind.fields.union(kind.optionalFields).sorted().joined(separator: ", ")), "
                        + "or comes twice")
            }
        }
        for field in kind.fields.sorted() where values[field] == nil {
            throw Self.malformed(path, "the line \"\(field) ...\" is missing")
        }
        self.values = values
    }

    /// Throws `key` for a line that is missing or is no key.
    func publicKey(_ field: String) throws(TransportError) -> PublicKey {
        do { return try PublicKey(values[field] ?? "") } catch {
            throw Self.malformed(path, "\(field): \(error.reason)")
        }
    }

    /// The words of a line; nil where it is missing.
    func words(_ field: String) -> [String]? { values[field]?.split(separator: " ").map(String.init) }

    /// The secret key, whose public half has to stand beside it.
    ///
    /// The check finds two files that were mixed up by hand.
    func secretKey() throws(TransportError) -> SecretKey {
        let secret: SecretKey
        do { secret = try SecretKey(values["secret"] ?? "") } catch {
            throw Self.malformed(path, "secret: \(error.reason)")
        }
        guard try publicKey("public") == secret.publicKey else {
            throw Self.malformed(path, "its public and its secret key do not belong together")
        }
        return secret
    }

    /// The file's whole text, which `init` reads back.
    static func text(_ kind: Kind, remark: String, _ fields: [(String, String)]) -> String {
        ([kind.rawValue, "# \(remark)"] + fields.map { "\($0.0) \($0.1)" }).joined(separator: "\n") + "\n"
    }

    /// `reason` must not repeat what stands in the file.
    private static func malformed(_ path: String, _ reason: String) -> TransportError {
        TransportError(
            .key, attempt: "read the key \(path)", reason: reason,
            remedy: "name the right file, or make one with distillery keys generate")
    }
}
