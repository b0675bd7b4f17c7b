import Environments
import Experience
import FoundationEssentials
import Histories
import TestSupport
import Testing

@Suite("Damaged and abandoned stream files")
struct DamageTests {
    /// A growing file with two flushes, and how many rollouts each made durable.
    private func growing(_ path: String, _ stream: inout SyntheticStream) throws -> StreamWriter {
        let writer = try StreamWriter.create(at: path, metadata: stream.metadata)
        for _ in 0..<60 { try writer.append(stream.next()) }
        try writer.flush()
        for _ in 0..<40 { try writer.append(stream.next()) }
        try writer.flush()
        return writer
    }

    @Test("whatever a writer flushed before it was killed is recovered, over random lives")
    func randomLives() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = PhiloxSequence(Philox(key0: UInt32(seed >> 32), key1: UInt32(seed & 0xFFFF_FFFF)), purpose: .other)
        let folder = try TemporaryFolder()
        for life in 0..<12 {
            let path = folder("\(life)-0.h5")
            var stream = SyntheticStream(seed: seed &+ UInt64(life))
            var writer = try StreamWriter.create(at: path, metadata: stream.metadata)
            var current = path
            for step in 1...25 {
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<6:
                    for _ in 0..<Int.random(in: 1...60, using: &random) { try writer.append(stream.next()) }
                case 6..<8:
                    try writer.flush()
                default:
                    // A copy of the file in mid-life is what a killed writer leaves.
                    let copy = folder("\(life)-\(step).h5")
                    try copyFile(current, copy)
                    let durable = Int(writer.durableCount)
                    writer = try StreamWriter.recover(at: copy)
                    current = copy
                    #expect(Int(writer.durableCount) == durable, "seed \(seed), life \(life), step \(step)")
                    for (index, lost) in stream.rollouts.enumerated().dropFirst(durable) {
                        #expect(UInt64(index) == writer.nextSequence)
                        try writer.append(lost)
                    }
                }
            }
            try writer.flush()
            #expect(
                try StreamContents(path: current).equals(stream, stream.rollouts.count), "seed \(seed), life \(life)")
            try writer.seal()
            #expect(
                try StreamContents(path: current).equals(stream, stream.rollouts.count), "seed \(seed), life \(life)")
            #expect(StreamVerification(path: current).problems == [], "seed \(seed), life \(life)")
        }
    }

    @Test("a file cut off anywhere is either refused or recovered to a beginning of the stream")
    func truncation() throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 11)
        let writer = try growing(folder("a.h5"), &stream)
        let bytes = try Data(contentsOf: URL(filePath: folder("a.h5")))
        var recovered = 0
        for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 300)) {
            let path = folder("cut.h5")
            try Data(bytes[0..<length]).write(to: URL(filePath: path))
            if let contents = try? StreamContents(path: path) {
                #expect(contents.equals(stream, contents.rollouts.count))
            }
            guard let again = try? StreamWriter.recover(at: path) else { continue }
            recovered += 1
            let kept = Int(again.durableCount)
            for rollout in stream.rollouts.dropFirst(kept) { try again.append(rollout) }
            try again.flush()
            #expect(try StreamContents(path: path).equals(stream, 100), "cut to \(length) of \(bytes.count) bytes")
            try again.close()
        }
        #expect(recovered > 0)
        try writer.close()
    }

    @Test("a flipped bit never crashes a reader and never changes a row unnoticed", arguments: [false, true])
    func flippedBits(isSealed: Bool) throws {
        let seed =
            ProcessInfo.processInfo.environment["DISTILLERY_TEST_SEED"].flatMap { UInt64($0) }
            ?? .random(in: 0...UInt64.max)
        print("flipped bits: repeat with DISTILLERY_TEST_SEED=\(seed)")
        var random = PhiloxSequence(Philox(key0: UInt32(seed >> 32), key1: UInt32(seed & 0xFFFF_FFFF)), purpose: .other)
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 12)
        let writer = try growing(folder("a.h5"), &stream)
        if isSealed { try writer.seal() }
        let bytes = try Data(contentsOf: URL(filePath: folder("a.h5")))
        let sound = try StreamContents(path: folder("a.h5"))
        var noticed = 0
        for _ in 0..<400 {
            var damaged = bytes
            let position = Int.random(in: 0..<bytes.count, using: &random)
            damaged[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            let path = folder("flipped.h5")
            try damaged.write(to: URL(filePath: path))
            if StreamVerification(path: path).isSound {
                // Not noticed: nothing of what the file says may have changed. The chunks of a growing file have no
                // checksum of their own, and a rollout's does not cover its record, of which the order is checked.
                let contents = try StreamContents(path: path)
                let isSame = contents.rows == sound.rows
                #expect(isSame, "seed \(seed), byte \(position)")
                #expect(contents.metadata == sound.metadata, "seed \(seed), byte \(position)")
                #expect(contents.rollouts.count == sound.rollouts.count, "seed \(seed), byte \(position)")
                if isSealed { #expect(contents.rollouts == sound.rollouts, "seed \(seed), byte \(position)") }
            } else {
                noticed += 1
            }
            do throws(StreamError) {
                let contents = try StreamContents(path: path)
                let expected = stream.columns(contents.rollouts.count)
                #expect(contents.rows[.observations] == expected.observations, "seed \(seed), byte \(position)")
                #expect(contents.rows[.actions] == expected.actions, "seed \(seed), byte \(position)")
                #expect(contents.rows.rewards == expected.rewards, "seed \(seed), byte \(position)")
            } catch {
                // A distiller leaves damaged streams out; another error would end it.
                guard case .damaged = error else {
                    Issue.record("seed \(seed), byte \(position): \(error)")
                    continue
                }
            }
            if !isSealed { _ = try? StreamWriter.recover(at: path) }
        }
        #expect(noticed > 0)
        try writer.close()
    }

    @Test("verify names a changed row, a gap at a change of incarnation and the episode that it cut")
    func verification() throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 13)
        let writer = try StreamWriter.create(at: folder("a.h5"), metadata: stream.metadata)
        try writer.append(stream.next(length: 300))
        stream.reincarnate()
        try writer.append(stream.next(length: 30))
        try writer.seal()
        let found = StreamVerification(path: folder("a.h5"))
        #expect(found.isSound)
        #expect(found.rows == 330)
        #expect(found.gaps.map(\.sequence) == [1])
        let flags = stream.rollouts[0].batch
        #expect(found.cutEpisodes == (flags.terminations[299] | flags.truncations[299] == 0 ? 1 : 0))
        try python("import h5py\nwith h5py.File('\(folder("a.h5"))', 'r+') as f: f['rewards'][17] += 1")
        let damaged = StreamVerification(path: folder("a.h5"))
        #expect(damaged.problems.count == 1)
        #expect(damaged.problems.first?.contains("rollout 0") == true)
        try python("import h5py\nwith h5py.File('\(folder("a.h5"))', 'r+') as f: del f['actions']")
        #expect(StreamVerification(path: folder("a.h5")).problems == ["dataset actions is missing or unreadable"])
    }

    @Test("wrong types, absurd sizes and other files get an error that says what is wrong")
    func hostileFiles() throws {
        let folder = try TemporaryFolder()
        func problem(_ change: String) throws -> String {
            var stream = SyntheticStream(seed: 14)
            let path = folder("\(UInt64.random(in: 0...UInt64.max)).h5")
            let writer = try StreamWriter.create(at: path, metadata: stream.metadata)
            try writer.append(stream.next(length: 100))
            try writer.close()
            try python("import h5py, numpy\nf = h5py.File('\(path)', 'r+')\n\(change)\nf.close()")
            return StreamVerification(path: path).problems.first ?? "none"
        }
        #expect(try problem("del f['actions']; f['actions'] = numpy.zeros(100, 'f8')").contains("uint8"))
        #expect(try problem("del f['rewards']; f['rewards'] = numpy.zeros((100, 2), 'f4')").contains("shape"))
        #expect(try problem("f['actions'].resize((1 << 60,))") == "none")
        #expect(try problem("f['rollouts'].resize((1 << 58, 8))").contains("rollout 1"))
        #expect(try problem("del f.attrs['task_id']").contains("task_id"))
        #expect(try problem("f.attrs['schema_version'] = 99").contains("schema_version is 99"))
        #expect(try problem("f.attrs.create('split', b'sideways')").contains("split"))
        #expect(try problem("f.attrs['observation_space'] = numpy.bytes_('{}')").contains("observation_space"))
        #expect(try problem("f['rollouts'][0, 2] = 1 << 62").contains("rollout 0"))
        #expect(try problem("f['rollouts'][0, 0] = 7").contains("sequence 7"))
        #expect(
            try problem(
                "del f['truncations']; f.create_dataset('truncations', (100,), 'u1', maxshape=(None,), chunks=(1 << 30,))"
            ).contains("chunks"))
        try Data("text".utf8).write(to: URL(filePath: folder("text.h5")))
        #expect(!StreamVerification(path: folder("text.h5")).isSound)
        #expect(!StreamVerification(path: folder("absent.h5")).isSound)
    }

    @Test("an attribute that was altered is found, whichever it is, and a file from before that was checked is whole")
    func alteredAttributes() throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 15)
        func verify(_ change: String, seals: Bool) throws -> [String] {
            let path = folder("\(UInt64.random(in: 0...UInt64.max)).h5")
            let writer = try StreamWriter.create(at: path, metadata: stream.metadata)
            try writer.append(stream.next(length: 100))
            if seals { try writer.seal() } else { try writer.close() }
            stream = SyntheticStream(seed: 15)
            try python(
                """
                import h5py, numpy
                f = h5py.File('\(path)', 'r+')
                a = f.attrs
                def put(name, value):
                    kind = numpy.dtype(a.get_id(name).dtype)
                    del a[name]
                    a.create(name, numpy.array(value, kind))
                \(change)
                f.close()
                """)
            return StreamVerification(path: path).problems
        }
        let changes = [
            "put('task_json', a['task_json'].replace(b'3', b'4'))", "put('created', a['created'].replace(b'2', b'3'))",
            "put('environment_json', a['environment_json'].replace(b'20', b'21'))", "put('seed', 99)",
            "put('source_json', b'{}')", "put('split', b'test')", "put('actor', 1)", "put('first_policy_version', 1)",
            "a['environment'] = numpy.bytes_('made-down')", "put('horizon', 21)", "put('metadata_checksum', 1)",
        ]
        for change in changes {
            for seals in [false, true] {
                #expect(
                    try verify(change, seals: seals).first?.contains("attributes were altered") == true, "\(change)")
            }
        }
        for seals in [false, true] {
            #expect(try verify("del a['metadata_checksum']", seals: seals).isEmpty)
            #expect(try verify("pass", seals: seals).isEmpty)
        }
    }

    @Test("the checksum of the attributes is what any program computes that can read them")
    func checksumOfAttributes() throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 16)
        let writer = try StreamWriter.create(at: folder("a.h5"), metadata: stream.metadata)
        try writer.append(stream.next(length: 100))
        try writer.seal()
        let same = try python(
            """
            import h5py
            attributes = h5py.File('\(folder("a.h5"))').attrs
            crc = 0xFFFFFFFF
            for name in sorted(set(attributes) - {'metadata_checksum', 'complete'}):
                value = attributes[name]
                text = bytes(value) if value.dtype.kind == 'S' else str(value).encode()
                for byte in name.encode() + b'\\0' + text + b'\\0':
                    crc ^= byte
                    for _ in range(8): crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
            print(crc ^ 0xFFFFFFFF == attributes['metadata_checksum'])
            """)
        #expect(same == "True")
    }
}
