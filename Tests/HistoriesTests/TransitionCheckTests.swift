import Environments
import Experience
import Foundation
import Histories
import Testing

/// A defect that is planted into the file `f` of an otherwise sound run, and the kind of defect that has to be found.
private struct Planted {
    let kind: String
    let change: String

    init(_ kind: String, _ change: String) {
        self.kind = kind
        self.change = change
    }
}

/// `scripts/check_transitions.py`, whose rules were written apart from the environments.
@Suite("The check of recorded transitions")
struct TransitionCheckTests {
    static let scripts = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "scripts").path

    /// Of any environment with episodes of 20 steps, of which the first two are whole.
    private let ofAny = [
        Planted("rewards", "f['rewards'][7] = 0.5"),
        Planted("rewards", "f['rewards'][7] = 1 - f['rewards'][7]"),
        Planted("actions", "f['actions'][3] = 5"),
        Planted("observations", "f['observations'][3] = [9, 0]"),
        // A move through a wall or none at all.
        Planted(
            "moves",
            """
            moved = (numpy.diff(f['observations'][:20].astype(int), axis=0) != 0).any(axis=1).nonzero()[0]
            f['actions'][moved[0]] = 4
            """),
        Planted("moves", "f['observations'][5] = (f['observations'][5] + 4) % 9"),
        Planted("final observations", "f['final_observations'][0] = (f['final_observations'][0] + 4) % 9"),
        Planted("final observations", "f['truncations'][10] = 1"),
        Planted("truncations", "f['truncations'][18:20] = [1, 0]"),
        Planted("terminations", "f['terminations'][19] = 1"),
        Planted("rollouts", "f['truncations'][19] = 0"),
        Planted("rollouts", "f['rollouts'][1, 0] = 5"),
        Planted("rollouts", "f['rollouts'][1, 1] += 1"),
        Planted("incarnations", "f['rollouts'][0, 4] = 7"),
        Planted("policy versions", "f['rollouts'][0, 3] = 7"),
        Planted("episode numbers", "f['rollouts'][1, 7] += 1"),
        // A carrier died, and its successor went on with the episode that it had not been in.
        Planted("episode numbers", "f['rollouts'][-1, 7] -= 1"),
        Planted("places", "put('actor', 4)"),
        Planted("splits", "put('split', b'test')"),
        Planted("tasks", "put('task_json', a['task_json'].replace(b'[', b'[9'))"),
        Planted("tasks", "put('task_json', a['task_json'].replace(b'g', b'h').replace(b'd', b'e'))"),
        Planted("files", "del f['rewards']"),
        Planted(
            "splits",
            """
            folder = run + '/checkpoints/distiller/step-00000001'
            os.makedirs(folder)
            json.dump({'trained_tasks': [1, 2], 'test_tasks': [int(a['task_id'])]}, open(folder + '/config.json', 'w'))
            """),
    ]

    private func defects(in folder: String, place: String, _ planted: [Planted]) throws -> [[String]] {
        let changes = planted.map { "r'''\($0.change)'''" }.joined(separator: ", ")
        let text = try python(
            """
            import sys
            sys.dont_write_bytecode = True
            sys.path.insert(0, '\(Self.scripts)')
            from transition_check import whole_run
            import h5py, json, numpy, os, shutil, textwrap
            run = '\(folder)/changed'
            def put(name, value):
                kind = numpy.dtype(a.get_id(name).dtype)
                del a[name]
                a.create(name, numpy.array(value, 'S200' if kind.kind in 'SO' else kind))
            for change in [\(changes)]:
                shutil.rmtree(run, ignore_errors=True)
                shutil.copytree('\(folder)/sound', run)
                with h5py.File(run + '/\(place)', 'r+') as f:
                    a = f.attrs
                    exec(textwrap.dedent(change))
                found, together, _ = whole_run.check_folder(run, 1, lambda line: None)
                print('found', *sorted({kind.replace(' ', '-') for entry in [together] + [one.defects for one in found]
                               for kind in entry.counts}))
            """)
        return text.split(separator: "\n").map { line in
            line.split(separator: " ").dropFirst().map { String($0).replacing("-", with: " ") }
        }
    }

    /// Two streams of the task, one of them with two changes of carrier, the first behind an episode's end.
    private func expectFound(_ planted: [Planted], _ tasks: any TaskDistribution, task: Task, rows: Int = 70) throws {
        let folder = try TemporaryFolder()
        let streams = [
            PlayedStream(tasks: tasks, task: task, actor: 0, incarnations: [[15, 25, 20], [rows], [30]]),
            PlayedStream(tasks: tasks, task: task, actor: 1, incarnations: [[40]]),
        ]
        for stream in streams { try stream.record(below: folder("sound")) }
        let all = [Planted("", "")] + planted
        let found = try defects(in: folder.path, place: streams[0].place, all)
        #expect(found.count == all.count)
        for (planted, kinds) in zip(all, found) {
            let isFound = planted.kind.isEmpty ? kinds.isEmpty : kinds.contains(planted.kind)
            #expect(isFound, "\(planted.kind), planted by \(planted.change): found \(kinds)")
        }
    }

    @Test("finds each kind of defect in a dark room, and none in what was recorded")
    func darkRoom() throws {
        let tasks = try DarkRoomTasks(split: TaskSplit(testTasks: 0))
        try expectFound(
            ofAny + [
                Planted("starts", "f['observations'][20] = [0, 0]"),
                // The next episode begins where the last one ended.
                Planted("starts", "f['observations'][40] = f['final_observations'][1]"),
            ], tasks, task: try tasks.task(49))
    }

    @Test("finds a reward that is given twice in an episode of the larger room")
    func darkRoomHard() throws {
        let tasks = try DarkRoomHardTasks(
            settings: DarkRoomHardSettings(size: 9, horizon: 20), split: TaskSplit(testTasks: 0))
        let again = """
            x = f['observations'][:]
            hits = ((x[1:20] == [3, 5]).all(axis=1)).nonzero()[0]
            f['rewards'][hits[1] if len(hits) > 1 else 19] = 1
            """
        try expectFound(ofAny + [Planted("rewards", again)], tasks, task: try tasks.task(48))
    }

    @Test("finds rewards in the wrong order and ends at the door that are none", arguments: [false, true])
    func keyToDoor(endsAtDoor: Bool) throws {
        func at(_ name: String, _ value: Int) -> String {
            "rows = f['\(name)'][:].nonzero()[0]; f['\(name)'][rows[0]] = \(value)"
        }
        let tasks = try KeyToDoorTasks(
            settings: KeyToDoorSettings(size: 9, horizon: 20, endsAtDoor: endsAtDoor), split: TaskSplit(testTasks: 0))
        // Key and door are neighbours in the middle: a door without a key is met often.
        let task = Task(id: 0, split: .train, json: "{\"door\":[5,4],\"key\":[4,4]}")
        try expectFound(
            endsAtDoor
                ? [Planted("terminations", "\(at("terminations", 0)); f['truncations'][rows[0]] = 1")]
                : ofAny + [Planted("rewards", at("rewards", 0))],
            tasks, task: task, rows: 2000)
    }

    @Test("finds that episodes do not begin in all cells alike", arguments: [false, true])
    func starts(repeatsFirstEpisode: Bool) throws {
        let folder = try TemporaryFolder()
        let tasks = try KeyToDoorTasks(settings: KeyToDoorSettings(size: 3, horizon: 2), split: TaskSplit(testTasks: 0))
        for id in 0..<3 {
            var stream = PlayedStream(tasks: tasks, task: try tasks.task(id), actor: 0, incarnations: [[600]])
            stream.repeatsFirstEpisode = repeatsFirstEpisode
            try stream.record(below: folder("sound"))
        }
        let place = PlayedStream(tasks: tasks, task: try tasks.task(0), actor: 0, incarnations: []).place
        #expect(
            try defects(in: folder.path, place: place, [Planted("", "")]) == [repeatsFirstEpisode ? ["starts"] : []])
    }

    @Test("says how much it checked and the first defect of each kind, and exits 1 with one, 2 without a stream")
    func command() throws {
        let folder = try TemporaryFolder()
        let tasks = try DarkRoomTasks()
        let stream = PlayedStream(tasks: tasks, task: try tasks.task(49), actor: 0, incarnations: [[30], [40]])
        try stream.record(below: folder("sound"))
        func check(_ folder: String) throws -> (code: Int32, output: String) {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/python3")
            process.arguments = ["-B", "\(Self.scripts)/check_transitions.py", folder]
            let output = Pipe()
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return (process.terminationStatus, text)
        }
        let sound = try check(folder("sound"))
        #expect(sound.code == 0)
        #expect(sound.output.contains("1 streams, 70 transitions, 3 finished episodes, 1 changes of carrier, 1 cut"))
        let file = "\(folder("sound"))/\(stream.place)"
        try python("import h5py\nwith h5py.File('\(file)', 'r+') as f: f['rewards'][17] += 2")
        let changed = try check(folder("sound"))
        #expect(changed.code == 1)
        #expect(changed.output.contains("rewards (1): row 17: the reward") && changed.output.contains("1 defects"))
        try FileManager.default.createDirectory(atPath: folder("none"), withIntermediateDirectories: true)
        #expect(try check(folder("none")).code == 2)
    }
}
