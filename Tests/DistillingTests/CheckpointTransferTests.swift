import Coordination
import Distillation
import Distilling
import Experience
import Foundation
import Nodes
import Simulation
import Testing
import Wire

@Suite("Checkpoints on their way") final class CheckpointTransferTests {
    private let folder: URL
    private let store: CheckpointStore
    private let model = Data((0..<(2_500_000)).map { UInt8(truncatingIfNeeded: $0 &* 31) })
    private let config = Data("{}".utf8)

    init() throws {
        folder = URL(fileURLWithPath: try makeTemporaryFolder())
        store = CheckpointStore(folder: folder)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func pieces() throws -> [CheckpointPiece] {
        var upload = CheckpointUpload(
            name: "step-1", step: 1, files: [("config.json", config), ("model.safetensors", model)], request: 10)
        var pieces: [CheckpointPiece] = []
        var now: UInt64 = 0
        while !upload.isComplete {
            var outbox = Outbox()
            upload.tick(now: now, outbox: &outbox)
            // Sent again only after a while, and only the number at hand is taken for an answer.
            upload.tick(now: now + 1, outbox: &outbox)
            #expect(outbox.items.count == 1)
            let envelope = try Envelope(decoding: outbox.items[0].bytes)
            upload.acknowledge(envelope.request + 1)
            upload.acknowledge(envelope.request - 1)
            upload.tick(now: now + 2_000_000_000, outbox: &outbox)
            #expect(outbox.items.count == 2)
            guard case .checkpointPiece(let piece) = envelope.message else { break }
            pieces.append(piece)
            upload.acknowledge(envelope.request)
            now += 1
        }
        return pieces
    }

    private func content(_ file: String) throws -> Data {
        try Data(contentsOf: folder.appendingPathComponent("step-1").appendingPathComponent(file))
    }

    @Test("a checkpoint appears when its last piece is written, and not before") func whole() throws {
        let pieces = try pieces()
        #expect(pieces.count == 4)
        for piece in pieces.dropLast() {
            let isComplete = try store.write(piece)
            #expect(!isComplete)
            #expect(store.names.isEmpty)
        }
        #expect(try store.write(try #require(pieces.last)))
        #expect(store.latest == "step-1")
        #expect(try content("model.safetensors") == model)
        #expect(try content("config.json") == config)
        let isCompletedAgain = try store.write(pieces[0])
        #expect(!isCompletedAgain)
        #expect(try content("config.json") == config)
    }

    @Test("pieces that are repeated, the first after the second too, change nothing") func repeated() throws {
        let pieces = try pieces()
        for index in [0, 0, 1, 2, 1, 0, 2, 1, 3] { _ = try store.write(pieces[index]) }
        #expect(try content("model.safetensors") == model)
    }

    @Test("a piece out of order is refused, and the right one is taken after it") func disorder() throws {
        let pieces = try pieces()
        _ = try store.write(pieces[0])
        #expect(throws: ClusterError.self) { try store.write(pieces[2]) }
        for piece in pieces { _ = try store.write(piece) }
        #expect(try content("model.safetensors") == model)
    }

    @Test("another distiller's upload under the same name replaces what was half written") func replaced() throws {
        let pieces = try pieces()
        var other = pieces[1]
        other.content = [UInt8](repeating: 7, count: pieces[1].content.count)
        for piece in [pieces[0], other, pieces[2], pieces[1], pieces[2], pieces[3]] { _ = try store.write(piece) }
        #expect(try content("model.safetensors") == model)
    }

    @Test("a download asks piece by piece, and does not mind repeated and foreign ones") func download() throws {
        for piece in try pieces() { _ = try store.write(piece) }
        var download = CheckpointDownload(name: "step-1")
        var now: UInt64 = 0
        var answers = 0
        while download.checkpoint == nil, answers < 100 {
            var outbox = Outbox()
            download.tick(now: now, outbox: &outbox)
            now += 2_000_000_000
            for item in outbox.items {
                guard case .checkpointRequest(let request) = try Envelope(decoding: item.bytes).message,
                    let piece = try store.read(request)
                else { continue }
                answers += 1
                var foreign = piece
                foreign.checkpoint = "step-2"
                for one in [foreign, piece, piece] { download.take(one) }
            }
        }
        #expect(answers == 4)
        #expect(download.checkpoint?.model == model)
        #expect(download.checkpoint?.config == config)
    }

    @Test("of old checkpoints only the newest stay, and those that are evaluated") func retention() throws {
        for step in 1...5 {
            let checkpoint = folder.appendingPathComponent(Checkpoint.name(ofStep: step))
            try FileManager.default.createDirectory(at: checkpoint, withIntermediateDirectories: true)
            for file in ["config.json", "model.safetensors"] {
                try Data().write(to: checkpoint.appendingPathComponent(file))
            }
        }
        try store.retain(nil)
        #expect(store.names.count == 5)
        try store.retain(2, and: ["step-00000001"])
        #expect(store.names == ["step-00000001", "step-00000004", "step-00000005"])
        try store.retain(1)
        #expect(store.names == ["step-00000005"])
    }

    @Test("nothing stays of a longer file that another distiller left, whichever file it is") func longerRemains()
        throws
    {
        let pieces = try pieces()
        var longer = pieces[0]
        longer.content = [UInt8](repeating: 1, count: 100)
        longer.size = 100
        for piece in [longer] + pieces { _ = try store.write(piece) }
        #expect(try content("config.json") == config)
    }

    @Test("what is not there is not read") func missing() throws {
        for piece in try pieces() { _ = try store.write(piece) }
        #expect(try store.read(CheckpointRequest(checkpoint: "step-2", file: "config.json", offset: 0)) == nil)
        #expect(try store.read(CheckpointRequest(checkpoint: "step-1", file: "nothing", offset: 0)) == nil)
        #expect(try store.read(CheckpointRequest(checkpoint: "step-1", file: "config.json", offset: 99)) == nil)
    }
}
