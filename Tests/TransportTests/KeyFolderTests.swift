import Glibc
import Testing
import Transport

/// A folder for one test, gone with it.
final class KeyScratch {
    let path = "/tmp/distillery-keys-\(UInt64.random(in: 0...UInt64.max))"
    var folder: KeyFolder { KeyFolder(path) }

    deinit {
        for name in ["/allowed/node.public", "/allowed/second.public", "/allowed/odd.public"] { unlink(path + name) }
        for name in ["/node.key", "/second.key", "/coordinator.key", "/other.key"] { unlink(path + name) }
        rmdir(path + "/allowed")
        rmdir(path)
    }

    func mode(_ file: String) -> mode_t {
        var status = stat()
        return stat(file, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    func text(_ file: String) -> String {
        guard let stream = fopen(file, "r") else { return "" }
        defer { fclose(stream) }
        var bytes = [UInt8](repeating: 0, count: 10_000)
        return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, stream)], as: UTF8.self)
    }

    func write(_ file: String, _ text: String, mode: mode_t = 0o600) {
        unlink(file)
        let descriptor = open(file, O_WRONLY | O_CREAT, 0o600)
        _ = Glibc.write(descriptor, text, text.utf8.count)
        fchmod(descriptor, mode)
        close(descriptor)
    }
}

@Suite("Folders of keys", .serialized) struct KeyFolderTests {
    let scratch = KeyScratch()
    var folder: KeyFolder { scratch.folder }

    private func refusal(_ body: () throws -> Void) throws -> String {
        let error = try #require(throws: TransportError.self) { try body() }
        #expect(error.kind == .key)
        return error.description
    }

    @Test("what was generated can be read, and belongs together") func roundTrip() throws {
        let made = try folder.generate(nodes: ["node", "second"])
        #expect(made.count == 5)
        let node = try NodeKey(path: folder.path)
        let second = try NodeKey(path: folder.nodePath("second"))
        let coordinator = try folder.coordinatorKey()
        #expect(node.coordinator == coordinator.publicKey && second.coordinator == coordinator.publicKey)
        let (clients, problems) = try folder.allowed()
        #expect(clients.mapValues(\.key) == ["node": node.secret.publicKey, "second": second.secret.publicKey])
        #expect(problems.isEmpty)
        #expect(Set([node.secret.publicKey, second.secret.publicKey, coordinator.publicKey]).count == 3)
    }

    @Test("private files have mode 600 whatever the umask, their folder is ours alone", arguments: [0, 0o022, 0o077])
    func modes(_ mask: UInt32) throws {
        let before = umask(mode_t(mask))
        defer { umask(before) }
        _ = try folder.generate(nodes: ["node"])
        #expect(scratch.mode(folder.path) == 0o700)
        #expect(scratch.mode(folder.coordinatorPath) == 0o600)
        #expect(scratch.mode(folder.nodePath("node")) == 0o600)
        #expect(scratch.mode(folder.allowedPath + "/node.public") & 0o022 == 0)
    }

    @Test("a key is never overwritten, and a further one leaves the first as it is") func once() throws {
        _ = try folder.generate(nodes: ["node"])
        let coordinator = scratch.text(folder.coordinatorPath)
        let node = scratch.text(folder.nodePath("node"))
        let message = try refusal { _ = try folder.generate(nodes: ["node"]) }
        #expect(message.contains("never overwritten") && message.contains("choose another name"))
        #expect(try folder.generate(nodes: ["second"]).count == 2)
        #expect(scratch.text(folder.coordinatorPath) == coordinator)
        #expect(scratch.text(folder.nodePath("node")) == node)
        // Neither through a link that points at something else.
        unlink(folder.nodePath("node"))
        unlink(folder.allowedPath + "/node.public")
        symlink(scratch.path + "/other.key", folder.nodePath("node"))
        _ = try refusal { _ = try folder.generate(nodes: ["node"]) }
        #expect(scratch.text(scratch.path + "/other.key").isEmpty)
    }

    @Test(
        "a secret file that others can read or change is refused, with what to do",
        arguments: [0o640, 0o604, 0o620, 0o602, 0o666, 0o644, 0o610])
    func exposed(_ mode: UInt32) throws {
        _ = try folder.generate(nodes: ["node"])
        for (path, read) in [
            (folder.nodePath("node"), { _ = try NodeKey(path: folder.path) }),
            (folder.coordinatorPath, { _ = try folder.coordinatorKey() }),
        ] {
            chmod(path, mode_t(mode))
            let message = try refusal(read)
            #expect(message.contains("chmod 600 \(path)"))
            #expect(message.contains("0\(String(mode, radix: 8))"))
            chmod(path, 0o400)
            #expect(throws: Never.self) { try read() }
        }
    }

    @Test("a list that others can add to is refused, a file in it that others can change is left out") func list()
        throws
    {
        _ = try folder.generate(nodes: ["node", "second"])
        chmod(folder.allowedPath + "/second.public", 0o666)
        let (keys, problems) = try folder.allowed()
        #expect(keys.keys.sorted() == ["node"])
        #expect(problems.count == 1 && problems[0].contains("second.public"))
        chmod(folder.allowedPath, 0o777)
        #expect(try refusal { _ = try folder.allowed() }.contains("chmod go-w"))
    }

    @Test("a key's roles stand in its public file; a file without them, as earlier versions wrote it, allows any")
    func roles() throws {
        _ = try folder.generate(nodes: ["second"], roles: ["actor", "evaluator"])
        _ = try folder.generate(nodes: ["node"])
        let (clients, problems) = try folder.allowed()
        #expect(clients.mapValues(\.roles) == ["second": ["actor", "evaluator"], "node": []])
        #expect(problems.isEmpty)
        #expect(scratch.text(folder.allowedPath + "/second.public").hasSuffix("\nroles actor evaluator\n"))
    }

    @Test("a malformed file in the list takes nobody else's permission") func malformedInList() throws {
        _ = try folder.generate(nodes: ["node"])
        scratch.write(folder.allowedPath + "/odd.public", "hello\n")
        let (keys, problems) = try folder.allowed()
        #expect(keys.keys.sorted() == ["node"])
        #expect(problems.count == 1 && problems[0].contains("odd.public"))
    }

    @Test("a file of another kind is refused by name") func kinds() throws {
        _ = try folder.generate(nodes: ["node"])
        #expect(
            try refusal { _ = try NodeKey(path: folder.coordinatorPath) }.contains("this is a coordinator's secret key")
        )
        #expect(
            try refusal { _ = try NodeKey(path: folder.allowedPath + "/node.public") }
                .contains("chmod 600"))
        chmod(folder.allowedPath + "/node.public", 0o600)
        #expect(
            try refusal { _ = try NodeKey(path: folder.allowedPath + "/node.public") }.contains("this is a public key"))
        scratch.write(folder.coordinatorPath, scratch.text(folder.nodePath("node")))
        #expect(try refusal { _ = try folder.coordinatorKey() }.contains("this is a node's secret key"))
    }

    @Test("a malformed file is refused, and what may be a secret is not repeated") func malformed() throws {
        _ = try folder.generate(nodes: ["node"])
        let path = folder.nodePath("node")
        let text = scratch.text(path)
        let lines = text.split(separator: "\n").map(String.init)
        let secret = try #require(lines.first { $0.hasPrefix("secret ") }).dropFirst(7)
        let other = try SecretKey.generate()
        let variants = [
            "", "\n", "hello\n", String(text.dropLast(3)), text + "secret \(secret)\n", text + "\(secret)\n",
            lines.filter { !$0.hasPrefix("coordinator") }.joined(separator: "\n"),
            text.replacing(secret, with: secret.dropLast() + "\""), text.replacing(secret, with: other.text),
            text + String(repeating: "#\n", count: 4096), text.replacing("public", with: "\0public"),
        ]
        for variant in variants {
            scratch.write(path, variant)
            let message = try refusal { _ = try NodeKey(path: path) }
            #expect(message.contains(path))
            #expect(!message.contains(secret.prefix(20)), "\(message)")
        }
        // Remarks and another order do no harm.
        scratch.write(path, lines[0] + "\n# Why\n\n" + lines[2...].reversed().joined(separator: "\n"))
        #expect(throws: Never.self) { try NodeKey(path: path) }
    }

    @Test("what is missing, a folder or a pipe in a file's place is refused without waiting") func missing() throws {
        #expect(try refusal { _ = try NodeKey(path: "/nonexistent") }.contains("distillery keys generate"))
        _ = try folder.generate(nodes: [])
        #expect(try refusal { _ = try NodeKey(path: folder.path) }.contains("node.key"))
        mkfifo(folder.nodePath("node"), 0o600)
        #expect(try refusal { _ = try NodeKey(path: folder.path) }.contains("not a file"))
    }

    @Test(
        "a name that would leave the folder, or take the coordinator's place, is refused",
        arguments: ["", "../x", "a/b", "coordinator", ".hidden", "ü", "a b", String(repeating: "a", count: 65)])
    func names(_ name: String) throws {
        #expect(try refusal { _ = try folder.generate(nodes: [name]) }.contains("gpu-host-2"))
        // Before anything is made.
        #expect(scratch.mode(folder.path) == 0)
    }
}
