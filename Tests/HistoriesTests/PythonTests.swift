import Environments
import Experience
import Foundation
import Histories
import TestSupport
import Testing

/// Runs Debian's Python; its output, or a failed expectation with what it said.
@discardableResult
func python(_ script: String) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/python3")
    process.arguments = ["-c", script]
    process.environment = ["HDF5_USE_FILE_LOCKING": "FALSE", "PATH": "/usr/bin"]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
}

@Suite("Streams in Python")
struct PythonTests {
    @Test("h5py holds a file open while it grows, is abandoned, recovered and sealed")
    func liveReader() throws {
        let folder = try TemporaryFolder()
        let path = folder("a.h5")
        var stream = SyntheticStream(seed: 21)
        var writer: StreamWriter? = try StreamWriter.create(at: path, metadata: stream.metadata)
        try writer?.append(stream.next(length: 500))
        try writer?.flush()

        let reader = Process()
        reader.executableURL = URL(filePath: "/usr/bin/python3")
        reader.arguments = [
            "-c",
            """
            import h5py, sys
            f = h5py.File('\(path)', 'r', swmr=True)
            for line in sys.stdin:
                for name in f: f[name].id.refresh()
                n = int(f['rollouts'][-1, 1:3].sum())
                print(n, int(f['observations'][:n].sum()), float(f['rewards'][:n].sum()), flush=True)
            """,
        ]
        let (input, output) = (Pipe(), Pipe())
        reader.standardInput = input
        reader.standardOutput = output
        try reader.run()
        func asked() -> String {
            input.fileHandleForWriting.write(Data("\n".utf8))
            var line = ""
            while !line.hasSuffix("\n") {
                let data = output.fileHandleForReading.availableData
                if data.isEmpty { break }
                line += String(decoding: data, as: UTF8.self)
            }
            return line
        }
        func expected() -> String {
            let all = stream.columns(stream.rollouts.count)
            return "\(all.rowCount) \(all.observations.reduce(0) { $0 + Int($1) }) \(all.rewards.reduce(0, +))\n"
        }
        #expect(asked() == expected())
        for _ in 0..<5 {
            try writer?.append(stream.next(length: 1500))
            try writer?.flush()
            #expect(asked() == expected())
        }
        writer = nil
        #expect(asked() == expected())
        writer = try StreamWriter.recover(at: path)
        #expect(asked() == expected())
        try writer?.append(stream.next(length: 700))
        try writer?.flush()
        #expect(asked() == expected())
        try writer?.seal()
        try input.fileHandleForWriting.close()
        reader.waitUntilExit()
        #expect(reader.terminationStatus == 0)
        let sealed = try python(
            """
            import h5py
            f = h5py.File('\(path)')
            print(len(f['rewards']), int(f['observations'][:].sum()), float(f['rewards'][:].sum()))
            """)
        #expect(sealed + "\n" == expected())
    }

    @Test(
        "every dataset and attribute of the layout is there, with its type; what is long is compressed",
        arguments: [3, 3000])
    func layout(rows: Int) throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 22)
        let writer = try StreamWriter.create(at: folder("a.h5"), metadata: stream.metadata)
        try writer.append(stream.next(length: rows))
        try writer.seal()
        let types = try python(
            """
            import h5py
            f = h5py.File('\(folder("a.h5"))')
            print(*[f"{n}:{f[n].dtype}:{f[n].ndim}:{f[n].compression}:{f[n].shuffle}" for n in sorted(f)])
            """)
        let fields =
            "actions:uint8:1 final_observations:uint8:2 observations:uint8:2 rewards:float32:1 rollouts:uint64:2 "
            + "terminations:uint8:1 truncations:uint8:1"
        let expected = fields.split(separator: " ").map { field in
            // There are few final observations, and one rollout.
            let isLong = rows == 3000 && !field.hasPrefix("final_observations") && !field.hasPrefix("rollouts")
            return "\(field):\(isLong ? "gzip:True" : "None:False")"
        }
        #expect(types == expected.joined(separator: " "))
        let attributes = try python("import h5py; print(*sorted(h5py.File('\(folder("a.h5"))').attrs))")
        #expect(
            Set(attributes.split(separator: " ").map(String.init)).isSuperset(of: [
                "schema_version", "software_version", "environment", "environment_json", "task_id", "task_json",
                "split", "repetition", "source_algorithm", "source_json", "actor", "seed", "created",
                "first_policy_version", "complete", "metadata_checksum",
            ]))
    }
}
