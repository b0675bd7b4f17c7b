import Experience
import TestSupport
import Wire

/// An endless supply of messages that are almost right: what honest nodes have said, changed where it hurts.
///
/// Everything follows from the seed and from what `learn` was given.
package struct HostileMessages {
    private static let rememberedMessages = 512
    private static let changesAtMost = 4
    private static let longBytes = 70_000
    /// Numbers at which types, limits and signs end.
    private static let strangeNumbers: [UInt64] = [
        0, 1, 2, 7, 64, 127, 128, 255, 256, 1023, 1024, 1025, 65_535, 65_536, 65_537, 1 << 24, 0x7fff_ffff, 0x8000_0000,
        0xffff_fffe, 0xffff_ffff, 0x1_0000_0000, 1 << 40, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, .max - 1,
        .max,
    ]
    private static let strangeDoubles: [Double] = [
        .nan, .infinity, -.infinity, 1e300, -1e300, 1e19, -1, 0, -0.0, .leastNonzeroMagnitude, 0.5, 65_536, 65_537,
    ]
    private static let strangeTexts = [
        "", ".", "..", "../../etc/passwd", "/", "a/b", "\u{0}", "stranger", "coordinator", "recorder", "actor-0",
        "step-1", "ü", "%s%n", "tcp://127.0.0.1:1", String(repeating: "x", count: 5000),
    ]

    private var random: SplitMix
    private var heard: [[UInt8]] = []
    private let corpus: [[UInt8]]

    /// `corpus`: encoded messages to begin with.
    package init(seed: UInt64, corpus: [[UInt8]]) {
        random = SplitMix(seed: seed)
        self.corpus = corpus
    }

    /// What honest nodes say to each other names what exists.
    package mutating func learn(_ bytes: [UInt8]) {
        if heard.count < Self.rememberedMessages {
            heard.append(bytes)
        } else {
            heard[random.below(heard.count)] = bytes
        }
    }

    package mutating func next() -> [UInt8] {
        guard !random.once(in: 24) else {
            return (0..<random.below(200)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        var bytes = base()
        for _ in 0..<random.below(Self.changesAtMost + 1) {
            bytes = random.once(in: 4) ? changingBytes(of: bytes) : changingField(of: bytes)
        }
        return random.once(in: 3) ? Self.withChecksums(bytes) : bytes
    }

    private mutating func base() -> [UInt8] {
        if !heard.isEmpty, random.below(3) > 0 { return random.pick(heard) }
        return corpus.isEmpty ? [] : random.pick(corpus)
    }

    // MARK: - Bytes

    private mutating func changingBytes(of bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        guard !bytes.isEmpty else { return base() }
        let place = random.below(bytes.count)
        switch random.below(5) {
        case 0: bytes[place] ^= 1 << UInt8(random.below(8))
        case 1: bytes.removeLast(bytes.count - place)
        case 2: bytes.insert(contentsOf: (0...random.below(9)).map { _ in UInt8(random.below(256)) }, at: place)
        case 3: bytes[place] = random.pick([0, 1, 0x7f, 0x80, 0xff])
        default:
            let other = base()
            bytes = Array(bytes[..<place]) + other.suffix(random.below(other.count + 1))
        }
        return bytes
    }

    // MARK: - Fields

    private mutating func changingField(of bytes: [UInt8], depth: Int = 0) -> [UInt8] {
        guard var fields = WireField.parse(bytes), !fields.isEmpty else { return changingBytes(of: bytes) }
        // In the envelope itself little is of interest.
        let index = depth == 0 && !random.once(in: 8) ? fields.count - 1 : random.below(fields.count)
        switch random.below(depth == 0 ? 40 : 12) {
        case 0: fields.remove(at: index)
        case 1:
            fields.insert(contentsOf: [WireField](repeating: fields[index], count: random.pick([1, 2, 40])), at: index)
        case 2: fields[index].number = UInt64(1 + random.below(80))
        case 3: fields[index].value = value()
        case 4: fields.append(WireField(number: UInt64(1 + random.below(80)), value: value()))
        default: fields[index].value = changing(fields[index].value, depth)
        }
        return WireField.encode(fields)
    }

    private mutating func value() -> WireField.Value {
        switch random.below(4) {
        case 0: .varint(random.pick(Self.strangeNumbers))
        case 1: .fixed64(random.pick(Self.strangeDoubles).bitPattern)
        case 2: .fixed32(Float(random.pick(Self.strangeDoubles)).bitPattern)
        default: .bytes(Array(random.pick(Self.strangeTexts).utf8))
        }
    }

    private mutating func changing(_ value: WireField.Value, _ depth: Int) -> WireField.Value {
        switch value {
        case .varint(let number):
            random.once(in: 2)
                ? .varint(random.once(in: 2) ? number &+ 1 : number &- 1) : .varint(random.pick(Self.strangeNumbers))
        case .fixed64: .fixed64(random.pick(Self.strangeDoubles).bitPattern)
        case .fixed32(let number):
            .fixed32(random.once(in: 2) ? number ^ 1 : Float(random.pick(Self.strangeDoubles)).bitPattern)
        case .bytes(let content): .bytes(changing(content, depth))
        }
    }

    private mutating func changing(_ content: [UInt8], _ depth: Int) -> [UInt8] {
        if depth < 3, random.below(depth == 0 ? 20 : 3) > 0, WireField.parse(content)?.isEmpty == false {
            return changingField(of: content, depth: depth + 1)
        }
        switch random.below(8) {
        case 0: return Array(random.pick(Self.strangeTexts).utf8)
        case 1: return content + content
        case 2: return []
        case 3 where random.once(in: 50):
            return [UInt8](repeating: UInt8(random.below(256)), count: random.below(Self.longBytes))
        // Columns of four-byte numbers.
        case 4 where content.count >= 4:
            var changed = content
            let first = 4 * random.below(content.count / 4)
            let pattern = Float(random.pick(Self.strangeDoubles)).bitPattern
            for byte in 0..<4 { changed[first + byte] = UInt8(truncatingIfNeeded: pattern >> UInt32(8 * byte)) }
            return changed
        // Packed numbers: each on its own place.
        case 5:
            let number = WireField(number: 1, value: .varint(random.pick(Self.strangeNumbers)))
            return Array(WireField.encode([number]).dropFirst() + content.dropFirst(random.below(content.count + 1)))
        default: return changingBytes(of: content)
        }
    }

    // MARK: - Checksums

    private static let checkpointPiece: UInt64 = 52

    /// With checksums that hold, where the message has any: otherwise nothing behind them would ever be reached.
    package static func withChecksums(_ bytes: [UInt8]) -> [UInt8] {
        guard var fields = WireField.parse(bytes) else { return bytes }
        for index in fields.indices where fields[index].number == checkpointPiece {
            guard case .bytes(let body) = fields[index].value, var piece = WireField.parse(body) else { continue }
            var content: [UInt8] = []
            for case .bytes(let found) in piece.filter({ $0.number == 6 }).map(\.value) { content = found }
            piece.removeAll { $0.number == 5 }
            piece.append(
                WireField(number: 5, value: .varint(UInt64(content.withUnsafeBytes { CRC32C.of($0) }))))
            fields[index].value = .bytes(WireField.encode(piece))
        }
        let repaired = WireField.encode(fields)
        guard var envelope = try? Envelope(decoding: repaired), case .rollouts(var rollouts) = envelope.message else {
            return repaired
        }
        let rows = rollouts.content.rowCount
        let episodes = rollouts.content.headers.reduce(0) { $0 + $1.finishedEpisodes }
        guard rows > 0, rollouts.content.observations.count % rows == 0, rollouts.content.actions.count == rows else {
            return repaired
        }
        let width = rollouts.content.observations.count / rows
        guard width < 16, rollouts.content.finalObservations.count == episodes * width else { return repaired }
        rollouts.content.seal(RolloutLayout(observationBytes: width, actionBytes: 1))
        envelope.message = .rollouts(rollouts)
        return envelope.encoded()
    }
}
