/// What a node needs to join a cluster: its own key, and the coordinator's to recognise it by.
package struct NodeKey: Sendable {
    /// The node's own pair.
    package let secret: SecretKey
    /// The only key under which this node takes a server for the coordinator.
    package let coordinator: PublicKey

    /// How a socket speaks to the coordinator.
    ///
    /// With it the node refuses every server but the coordinator, and the coordinator knows its key.
    package var security: SocketSecurity { .client(secret, server: coordinator) }

    /// Reads a file that `KeyFolder.addNode` made, or `node.key` in a folder.
    ///
    /// Throws `key` for a file that is missing, malformed, or readable by other users.
    package init(path: String) throws(TransportError) {
        let file = try KeyFile(.node, at: PrivateFile.isFolder(path) ? KeyFolder(path).nodePath("node") : path)
        secret = try file.secretKey()
        coordinator = try file.publicKey("coordinator")
    }
}

/// A client that may connect, as its file in `allowed` says.
package struct AllowedClient: Hashable, Sendable {
    /// What the client proves to have in the handshake.
    package let key: PublicKey
    /// What it may be in the cluster, in the words of its file; empty: anything.
    package let roles: [String]
}

/// A folder of keys as `distillery keys generate` makes it.
///
///     coordinator.key        0600   stays on the coordinator's host
///     node.key, NAME.key     0600   one for each host, user or purpose; travels to where its node runs
///     allowed/NAME.public    0644   who may connect; a file that is taken away takes the permission with it
///
/// The coordinator reads `allowed` each second, so that adding or removing a file takes effect in a running cluster.
package struct KeyFolder: Sendable {
    /// No list of allowed keys is longer.
    package static let allowedLimit = 1024
    /// Names of nodes' keys are file names.
    package static let nameLimit = 64
    /// Other files in `allowed` are ignored.
    private static let publicSuffix = ".public"

    /// As it was given, without a slash at its end.
    package let path: String

    package init(_ path: String) { self.path = path }

    /// Both halves of the coordinator's key.
    package var coordinatorPath: String { path + "/coordinator.key" }
    /// Folder of the public keys that may connect.
    package var allowedPath: String { path + "/allowed" }
    /// `name` is checked by `generate`, not here.
    package func nodePath(_ name: String) -> String { "\(path)/\(name).key" }

    /// Makes the coordinator's key unless it is there, and a key for each of `names`, allowed to connect.
    /// - Parameter roles: what the holders may be; empty: anything.
    /// - Returns: the paths of the files that were made.
    ///
    /// Throws `key` for a name that is none, a key of that name that is there already, or a folder that others can
    /// write into. What was made before the error stays.
    package func generate(nodes names: [String], roles: [String] = []) throws(TransportError) -> [String] {
        for name in names { try check(name) }
        try PrivateFile.createFolder(path)
        try PrivateFile.createFolder(allowedPath)
        try PrivateFile.checkFolder(path)
        try PrivateFile.checkFolder(allowedPath)
        var made: [String] = []
        if !PrivateFile.exists(coordinatorPath) {
            let secret = try SecretKey.generate()
            try PrivateFile.create(
                coordinatorPath,
                KeyFile.text(
                    .coordinator, remark: "Secret: whoever has this file can pose as the coordinator. Mode 600.",
                    [("public", secret.publicKey.text), ("secret", secret.text)]), mode: 0o600)
            made.append(coordinatorPath)
        }
        let coordinator = try coordinatorKey().publicKey
        for name in names { made += try makeNode(name, coordinator, roles) }
        return made
    }

    /// The secret file first: a public key without a secret one lets no process in.
    private func makeNode(
        _ name: String, _ coordinator: PublicKey, _ roles: [String]
    ) throws(TransportError) -> [String] {
        let secret = try SecretKey.generate()
        let allowed = "\(allowedPath)/\(name)\(Self.publicSuffix)"
        guard !PrivateFile.exists(allowed) else {
            throw TransportError(
                .key, attempt: "write \(allowed)", reason: "it exists, and keys are never overwritten",
                remedy: "choose another name")
        }
        try PrivateFile.create(
            nodePath(name),
            KeyFile.text(
                .node, remark: "Secret: whoever has this file can join the cluster as \(name). Mode 600.",
                [
                    ("public", secret.publicKey.text), ("secret", secret.text), ("coordinator", coordinator.text),
                ]), mode: 0o600)
        try PrivateFile.create(
            allowed,
            KeyFile.text(
                .allowed, remark: "Removing this file takes \(name)'s permission away.",
                [("public", secret.publicKey.text)]
                    + (roles.isEmpty ? [] : [("roles", roles.joined(separator: " "))])), mode: 0o644)
        return [nodePath(name), allowed]
    }

    /// Throws `key` where the file is missing, malformed, or readable by other users.
    package func coordinatorKey() throws(TransportError) -> SecretKey {
        try KeyFile(.coordinator, at: coordinatorPath).secretKey()
    }

    /// The clients that may connect, by name, and what is wrong with the files that cannot be used. One bad file does
    /// not keep the others out; a folder that other users can write into throws.
    package func allowed() throws(TransportError) -> (clients: [String: AllowedClient], problems: [String]) {
        try PrivateFile.checkFolder(allowedPath)
        let names = try PrivateFile.names(in: allowedPath).filter { $0.hasSuffix(Self.publicSuffix) }
        var clients: [String: AllowedClient] = [:]
        var problems: [String] = []
        for name in names.prefix(Self.allowedLimit) {
            do {
                let file = try KeyFile(.allowed, at: "\(allowedPath)/\(name)")
                clients[String(name.dropLast(Self.publicSuffix.count))] = AllowedClient(
                    key: try file.publicKey("public"), roles: file.words("roles") ?? [])
            } catch { problems.append("\(error)") }
        }
        if names.count > Self.allowedLimit {
            problems.append(
                "\(allowedPath) has \(names.count) keys: the first \(Self.allowedLimit) may connect, the others not")
        }
        return (clients, problems)
    }

    /// Why the holder of a key may not connect, or may not be everything; nil where it may.
    ///
    /// The supervisor of a local run asks it of its processes' own key, at the start and again and again.
    package func restriction(of key: PublicKey) -> String? {
        let clients: [String: AllowedClient]
        do throws(TransportError) { clients = try allowed().clients } catch { return "\(error)" }
        let own = clients.filter { $0.value.key == key }
        guard !own.isEmpty else { return "its public key is in no file of \(allowedPath)" }
        let bound = own.filter { !$0.value.roles.isEmpty }
        guard bound.count == own.count, let (name, client) = bound.first else { return nil }
        return "\(allowedPath)/\(name)\(Self.publicSuffix) binds it to \(client.roles.joined(separator: ", "))"
    }

    /// Names are parts of paths, and of error messages.
    private func check(_ name: String) throws(TransportError) {
        let isAcceptable =
            (1...Self.nameLimit).contains(name.utf8.count) && name != "coordinator" && !name.hasPrefix(".")
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        guard isAcceptable else {
            throw TransportError(
                .key, attempt: "name a node's key \"\(name)\"",
                reason: "expected 1 to \(Self.nameLimit) letters, digits, dots, dashes and underscores, "
                    + "and not \"coordinator\"", remedy: "choose another name, for example gpu-host-2")
        }
    }
}
