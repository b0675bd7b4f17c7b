/// What a node needs to join a cluster: its own key, and the coordinator's to recognise it by.
package struct NodeKey: Sendable {
    package let secret: SecretKey
    package let coordinator: PublicKey

    /// How a socket speaks to the coordinator.
    package var security: SocketSecurity { .client(secret, server: coordinator) }

    /// Reads a file that `KeyFolder.addNode` made, or `node.key` in a folder.
    package init(path: String) throws(TransportError) {
        let file = try KeyFile(.node, at: PrivateFile.isFolder(path) ? KeyFolder(path).nodePath("node") : path)
        secret = try file.secretKey()
        coordinator = try file.publicKey("coordinator")
    }
}

/// A folder of keys as `distillery keys generate` makes it.
///
///     coordinator.key        0600   stays on the coordinator's host
///     node.key, NAME.key     0600   one for each host, user or purpose; travels to where its node runs
///     allowed/NAME.public    0644   who may connect; a file that is taken away takes the permission with it
package struct KeyFolder: Sendable {
    /// No list of allowed keys is longer.
    package static let allowedLimit = 1024
    /// Names of nodes' keys are file names.
    package static let nameLimit = 64
    private static let publicSuffix = ".public"

    package let path: String

    package init(_ path: String) { self.path = path }

    package var coordinatorPath: String { path + "/coordinator.key" }
    package var allowedPath: String { path + "/allowed" }
    package func nodePath(_ name: String) -> String { "\(path)/\(name).key" }

    /// Makes the coordinator's key unless it is there, and a key for each of `names`, allowed to connect.
    /// - Returns: the paths of the files that were made.
    package func generate(nodes names: [String]) throws(TransportError) -> [String] {
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
        for name in names { made += try makeNode(name, coordinator) }
        return made
    }

    private func makeNode(_ name: String, _ coordinator: PublicKey) throws(TransportError) -> [String] {
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
                [("public", secret.publicKey.text)]), mode: 0o644)
        return [nodePath(name), allowed]
    }

    package func coordinatorKey() throws(TransportError) -> SecretKey {
        try KeyFile(.coordinator, at: coordinatorPath).secretKey()
    }

    /// Who may connect, by name, and what is wrong with the files that do not say so.
    package func allowed() throws(TransportError) -> (keys: [String: PublicKey], problems: [String]) {
        try PrivateFile.checkFolder(allowedPath)
        let names = try PrivateFile.names(in: allowedPath).filter { $0.hasSuffix(Self.publicSuffix) }
        var keys: [String: PublicKey] = [:]
        var problems: [String] = []
        for name in names.prefix(Self.allowedLimit) {
            do {
                let file = try KeyFile(.allowed, at: "\(allowedPath)/\(name)")
                keys[String(name.dropLast(Self.publicSuffix.count))] = try file.publicKey("public")
            } catch { problems.append("\(error)") }
        }
        if names.count > Self.allowedLimit {
            problems.append(
                "\(allowedPath) has \(names.count) keys: the first \(Self.allowedLimit) may connect, the others not")
        }
        return (keys, problems)
    }

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
