import Foundation
import Reporting
import Testing

@Suite("TensorBoard event files")
struct EventFileTests {
    /// CRC-32C bit by bit, then TensorFlow's mask: independent of the program's own.
    private func maskedChecksum(_ data: some Sequence<UInt8>) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in data {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0x82F6_3B78 : crc >> 1 }
        }
        crc = ~crc
        return ((crc >> 15) | (crc << 17)) &+ 0xA282_EAD8
    }

    private func number(_ data: ArraySlice<UInt8>) -> UInt64 {
        data.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Cuts a file into its records, checking both checksums of each.
    private func records(_ data: [UInt8]) throws -> [ArraySlice<UInt8>] {
        var position = 0
        var records: [ArraySlice<UInt8>] = []
        while position < data.count {
            let header = data[position..<(position + 8)]
            let length = Int(number(header))
            #expect(number(data[(position + 8)..<(position + 12)]) == UInt64(maskedChecksum(header)))
            let body = data[(position + 12)..<(position + 12 + length)]
            #expect(number(data[(position + 12 + length)..<(position + 16 + length)]) == UInt64(maskedChecksum(body)))
            records.append(body)
            position += 16 + length
        }
        return records
    }

    /// The fields of a protocol-buffers message: number, and value or content.
    private func fields(_ message: ArraySlice<UInt8>) -> [(field: Int, number: UInt64, content: ArraySlice<UInt8>)] {
        var rest = message
        func variable() -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while let byte = rest.popFirst() {
                value |= UInt64(byte & 0x7F) << shift
                if byte & 0x80 == 0 { break }
                shift += 7
            }
            return value
        }
        func take(_ count: Int) -> ArraySlice<UInt8> {
            let content = rest.prefix(count)
            rest = rest.dropFirst(count)
            return content
        }
        var result: [(field: Int, number: UInt64, content: ArraySlice<UInt8>)] = []
        while !rest.isEmpty {
            let key = variable()
            switch key & 7 {
            case 0: result.append((Int(key >> 3), variable(), []))
            case 1: result.append((Int(key >> 3), number(take(8)), []))
            case 5: result.append((Int(key >> 3), number(take(4)), []))
            default: result.append((Int(key >> 3), 0, take(Int(variable()))))
            }
        }
        return result
    }

    @Test("what is written is read back by another reader, checksums and all")
    func roundTrip() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("events-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let writer = try EventFileWriter(folder: folder, name: "distillery", time: 1_700_000_000.5)
        let scalars = [("distil/loss", UInt64(0), 1.5), ("distil/loss", 300, -0.25), ("größe", 1 << 40, 3e8)]
        for (name, step, value) in scalars { try writer.append(name, step: step, value: value, time: 1_700_000_001) }
        try writer.close()
        #expect(writer.path.hasSuffix("/events.out.tfevents.1700000000.distillery"))

        let records = try records(Array(try Data(contentsOf: URL(fileURLWithPath: writer.path))))
        #expect(records.count == 4)
        let version = fields(records[0])
        #expect(Double(bitPattern: version[0].number) == 1_700_000_000.5)
        #expect(version[1].field == 3 && String(decoding: version[1].content, as: UTF8.self) == "brain.Event:2")
        for (record, (name, step, value)) in zip(records.dropFirst(), scalars) {
            let event = fields(record)
            #expect(event.map(\.field) == [1, 2, 5])
            #expect(event[1].number == step)
            let summary = fields(event[2].content)
            let entry = fields(summary[0].content)
            #expect(String(decoding: entry[0].content, as: UTF8.self) == name)
            #expect(Double(Float(bitPattern: UInt32(entry[1].number))) == value)
        }
    }

    @Test("who looks at a run at work sees numbers of some seconds ago, though few have come")
    func flushing() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("events-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let writer = try EventFileWriter(folder: folder, name: "distillery", time: 1000)
        func written() throws -> Int { try records(Array(Data(contentsOf: URL(fileURLWithPath: writer.path)))).count }
        try writer.append("loss", step: 1, value: 1, time: 1005)
        #expect(try written() == 1)
        try writer.append("loss", step: 2, value: 1, time: 1010)
        #expect(try written() == 3)
        try writer.append("loss", step: 3, value: 1, time: 1019)
        #expect(try written() == 3)
        try writer.close()
        #expect(try written() == 4)
    }

    @Test("lines of JSON lie beside them, which a resumed run goes on with, behind the last whole one")
    func lines() throws {
        struct Line: Decodable, Equatable {
            var name: String
            var step: Int
            var time: Double
            var value: Double?
        }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("distillery-lines-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("coordinator.jsonl")
        let first = try ScalarLog(folder: folder, name: "coordinator", time: 1000)
        try first.append("a \"b\"/c", step: 7, value: 0.25, time: 1000.5)
        try first.append("loss", step: 8, value: .nan, time: 1001)
        try first.close()
        let handle = try FileHandle(forWritingTo: path)
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("{\"name\":\"cut".utf8))
        try handle.close()
        let second = try ScalarLog(folder: folder, name: "coordinator", time: 2000)
        try second.append("loss", step: 9, value: 1e-9, time: 2010)
        // Ten seconds after the beginning they are on their way.
        let text = try String(contentsOf: path, encoding: .utf8)
        #expect(text.hasPrefix("{\"name\":\"a \\\"b\\\"/c\",\"step\":7,"))
        let lines = try text.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
        #expect(
            lines == [
                Line(name: "a \"b\"/c", step: 7, time: 1000.5, value: 0.25),
                Line(name: "loss", step: 8, time: 1001, value: nil),
                Line(name: "loss", step: 9, time: 2010, value: 1e-9),
            ])
        try second.close()
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(files.count { $0.hasPrefix("events.out.tfevents.") } == 2 && files.count == 3)
    }
}
