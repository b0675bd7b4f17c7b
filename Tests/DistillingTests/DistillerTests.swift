import Coordination
import Distillation
import Distilling
import Foundation
import Nodes
import Simulation
import Testing
import Wire

@Suite("A distiller") struct DistillerTests {
    @Test("sends its checkpoints and says that training is over when the last one is stored") func wholeTraining()
        throws
    {
        let lone = try LoneDistiller()
        try lone.hear(.distil(Distil(resumeFrom: "")))
        let end = try lone.untilReport()
        #expect(end.report?.finalCheckpoint == CollectedRun.last)
        #expect(lone.store.names == [CollectedRun.first, CollectedRun.last])
    }

    @Test("which goes on from the last checkpoint of a training says at once that it is over, and by which checkpoint")
    func finishedAlready() throws {
        let lone = try LoneDistiller(checkpoints: [CollectedRun.last])
        try lone.hear(.distil(Distil(resumeFrom: CollectedRun.last)))
        let end = try lone.untilReport()
        #expect(end.report?.finalCheckpoint == CollectedRun.last)
        #expect(end.pieces.isEmpty)
    }

    @Test("says it again until it is acknowledged, and after that no more") func reportAgain() throws {
        let lone = try LoneDistiller(checkpoints: [CollectedRun.last])
        try lone.hear(.distil(Distil(resumeFrom: CollectedRun.last)))
        let report = try #require(try lone.untilReport().report)
        #expect(try lone.turn(after: 1500).contains { $0.finalCheckpoint == CollectedRun.last })
        try lone.hear(.acknowledgement, request: report.request)
        for _ in 0..<10 { #expect(try lone.turn(after: 1500).allSatisfy { $0.finalCheckpoint == nil }) }
    }

    @Test("that has finished tells a coordinator which leases it the training again, by another name")
    func leasedAgain() throws {
        let lone = try LoneDistiller()
        try lone.hear(.distil(Distil(resumeFrom: "")))
        let report = try #require(try lone.untilReport().report)
        try lone.hear(.acknowledgement, request: report.request)
        lone.role.forgetLeases(now: lone.now)
        try lone.begin()
        #expect(try lone.turn(after: 2000).isEmpty)
        try lone.hear(.distil(Distil(resumeFrom: CollectedRun.last)))
        let again = try lone.untilReport(turns: 2)
        #expect(again.report?.finalCheckpoint == CollectedRun.last)
        #expect(again.pieces.isEmpty)
    }

    @Test("stands still without a lease, goes on with what it has in memory, and sends what was on its way anew")
    func lostLease() throws {
        let lone = try LoneDistiller()
        try lone.hear(.distil(Distil(resumeFrom: "")))
        for _ in 0..<200 where lone.role.numbers["steps"] ?? 0 < 2 { _ = try lone.turn() }
        #expect(lone.role.numbers["steps"] == 2)
        lone.role.forgetLeases(now: lone.now)
        for _ in 0..<5 { #expect(try lone.turn(after: 3000).isEmpty) }
        #expect(lone.role.numbers["steps"] == 2)
        try lone.hear(.distil(Distil(resumeFrom: "")))
        let end = try lone.untilReport()
        #expect(end.report?.finalCheckpoint == CollectedRun.last)
        #expect(lone.store.names == [CollectedRun.first, CollectedRun.last])
        #expect(end.metrics.allSatisfy { $0.step >= 2 })
    }

    @Test("leaves its own training where another has come further") func overtaken() throws {
        let lone = try LoneDistiller(checkpoints: [CollectedRun.last])
        try lone.hear(.distil(Distil(resumeFrom: "")))
        for _ in 0..<200 where lone.role.numbers["steps"] ?? 0 < 1 { _ = try lone.turn() }
        lone.role.forgetLeases(now: lone.now)
        try lone.hear(.distil(Distil(resumeFrom: CollectedRun.last)))
        let end = try lone.untilReport()
        #expect(end.report?.finalCheckpoint == CollectedRun.last)
        #expect(end.pieces.isEmpty)
    }

    @Test("whose report is refused sends the checkpoint again, and then the report") func refusedReport() throws {
        let lone = try LoneDistiller(checkpoints: [CollectedRun.last])
        try lone.hear(.distil(Distil(resumeFrom: CollectedRun.last)))
        let report = try #require(try lone.untilReport().report)
        try FileManager.default.removeItem(at: lone.store.folder.appendingPathComponent(CollectedRun.last))
        try lone.hear(.failure("there is no such checkpoint"), request: report.request)
        // Not at once: a coordinator that refuses for ever is not flooded.
        #expect(try lone.untilReport(turns: 100).report == nil)
        let end = try lone.untilReport()
        #expect(end.report?.finalCheckpoint == CollectedRun.last && end.report?.request != report.request)
        #expect(lone.store.names == [CollectedRun.last])
    }

    @Test("never uses the number of a request for two pieces, however fast it is acknowledged") func requests() throws {
        let lone = try LoneDistiller()
        try lone.hear(.distil(Distil(resumeFrom: "")))
        let pieces = try lone.untilReport().pieces
        #expect(pieces.count == 6)
        #expect(Set(pieces.map(\.request)).count == pieces.count)
    }

    @Test("reads the streams in slices, and says how far it is") func slices() throws {
        let lone = try LoneDistiller()
        try lone.hear(.distil(Distil(resumeFrom: "")))
        var read: [Double] = []
        for _ in 0..<20 where lone.role.numbers["steps"] == nil {
            for case .metrics(let metrics) in try lone.turn(after: 1000).map(\.message) {
                if let count = metrics.numbers["streams_read"] { read.append(count) }
                #expect(metrics.numbers["streams_found"] ?? 24 == 24)
            }
        }
        #expect(read == [0, Double(HistoriesReading.filesPerSlice)])
        #expect(lone.role.numbers["streams"] == 24)
    }
}

@Suite("A checkpoint that is refused") struct RefusedUploadTests {
    private func upload() -> CheckpointUpload {
        CheckpointUpload(
            name: "step-1", step: 1, files: [("config.json", Data("{}".utf8)), ("model.safetensors", Data(count: 10))],
            request: 10)
    }

    private func pieces(_ upload: inout CheckpointUpload, now: UInt64) throws -> [Envelope] {
        var outbox = Outbox()
        upload.tick(now: now, outbox: &outbox)
        return try outbox.items.map { try Envelope(decoding: $0.bytes) }
    }

    @Test("is sent again from its first piece, later and later, and given up after a bound") func backsOff() throws {
        var upload = upload()
        var now: UInt64 = 1_000_000_000
        upload.acknowledge(try #require(try pieces(&upload, now: now).first).request)
        var waits: [UInt64] = []
        for _ in 1..<CheckpointUpload.refusalLimit {
            let refused = now
            try upload.refuse(upload.lastRequest, reason: "no", now: now)
            var sent: [Envelope] = []
            while sent.isEmpty {
                now += 500_000_000
                sent = try pieces(&upload, now: now)
            }
            guard case .checkpointPiece(let piece) = sent[0].message else { break }
            #expect(piece.file == "config.json")
            waits.append((now - refused) / 1_000_000_000)
        }
        #expect(waits == [1, 2, 4, 8, 16, 32, 64, 64, 64])
        #expect(throws: ClusterError.self) { try upload.refuse(upload.lastRequest, reason: "no", now: now) }
    }

    @Test("counts anew after a piece was taken, and a refusal of an old piece means nothing") func counting() throws {
        var upload = upload()
        for _ in 0..<(3 * CheckpointUpload.refusalLimit) {
            let old = upload.lastRequest
            try upload.refuse(old, reason: "no", now: 0)
            try upload.refuse(old, reason: "no", now: 0)
            upload.acknowledge(upload.lastRequest)
        }
    }
}
