import Foundation
import Testing

/// The check of recorded transitions on bandits' streams that are made up in Python, so that chance can be planted, too.
@Suite("The check of recorded transitions of bandits")
struct BanditCheckTests {
    /// Writes a sound run below `run`: 60 train and 60 test tasks, and an evaluation of 20 uniform ones.
    private static let writing = """
        import glob, h5py, json, numpy, os, shutil
        sys.dont_write_bytecode = True
        from transition_check import whole_run

        def draw(random, favours_odd):
            odd_is_high = (random.random() < 0.95) == favours_odd
            is_high = (numpy.arange(10) % 2 == 1) == odd_is_high
            return random.random(10) / 2 + is_high / 2

        def write(path, task, split, means, random):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with h5py.File(path, 'w') as f:
                actions = random.integers(0, 10, 100).astype('u1')
                f['observations'] = numpy.zeros((100, 1), 'u1')
                f['actions'] = actions
                f['rewards'] = (random.random(100) < numpy.array(means)[actions]).astype('f4')
                f['terminations'] = numpy.zeros(100, 'u1')
                f['truncations'] = (numpy.arange(100) == 99).astype('u1')
                f['final_observations'] = numpy.zeros((1, 1), 'u1')
                f['rollouts'] = numpy.array([[0, 0, 100, 0, 0, 0, 0, 0]], 'u8')
                values = {'environment': 'adversarial-bandit', 'environment_json': '{"arms":10,"trials":100}',
                          'task_json': json.dumps({'means': list(means)}), 'split': split}
                numbers = {'task_id': task, 'repetition': 0, 'actor': 0, 'complete': 1}
                for name, value in values.items(): f.attrs[name] = numpy.bytes_(value)
                for name, value in numbers.items(): f.attrs[name] = numpy.uint64(value)

        def write_run(draw=draw):
            random = numpy.random.default_rng(7)
            shutil.rmtree(run, ignore_errors=True)
            for task in range(60):
                write(f'{run}/histories/task-{task:05}/lifetime-000/actor-0000.h5', task, 'train',
                      draw(random, True), random)
            for task in range(60, 120):
                write(f'{run}/evaluations/step-00000100-test/task-{task:05}/seed-00.h5', task, 'test',
                      draw(random, False), random)
            for task in range(120, 140):
                write(f'{run}/evaluations/step-00000100-uniform/task-{task:05}/seed-00.h5', task, 'test',
                      random.random(10), random)

        def change(lines, number=1):
            for path in sorted(glob.glob(run + '/**/*.h5', recursive=True))[:number]:
                with h5py.File(path, 'r+') as f: exec(lines)

        def look():
            found, together, _ = whole_run.check_folder(run, 1, lambda line: None)
            print('found', *sorted({kind.replace(' ', '-') for entry in [together] + [one.defects for one in found]
                                    for kind in entry.counts}))
        """

    /// In which kinds of defects a run ends that is written, or changed, in a way.
    private static let planted: [(kinds: [String], lines: String)] = [
        ([], "pass"),
        (["rewards"], "change(\"f['rewards'][3] = 0.5\")"),
        (["observations"], "change(\"f['observations'][3] = 1\")"),
        (["actions"], "change(\"f['actions'][3] = 10\")"),
        (["terminations", "truncations"], "change(\"f['terminations'][99] = 1; f['truncations'][99] = 0\")"),
        (
            ["episodes", "truncations"],
            """
            change("f['truncations'][49] = 1; del f['final_observations']; "
                   "f['final_observations'] = numpy.zeros((2, 1), 'u1')")
            """
        ),
        (["tasks"], "change(\"f.attrs['task_json'] = numpy.bytes_(f.attrs['task_json'].replace(b'0.', b'1.'))\")"),
        (["splits"], "change(\"f.attrs['task_id'] = numpy.uint64(60)\", 70)"),
        // Every arm pays as if its mean were another's.
        (["arms"], "change(\"f['rewards'][:] = 1 - f['rewards'][:]\", 140)"),
        // One arm of one stream always pays.
        (
            ["arms"],
            """
            change("f['actions'][:] = numpy.argmin(json.loads(f.attrs['task_json'])['means']); f['rewards'][:] = 1")
            """
        ),
        // Held-out tasks favour the odd arms, too.
        (["means"], "write_run(lambda random, favours_odd: draw(random, True))"),
        // Both kinds come nearly alike.
        (["means"], "write_run(lambda random, favours_odd: draw(random, (random.random() < 0.6) == favours_odd))"),
        // All high means are the same, and all low ones.
        (["means"], "write_run(lambda random, favours_odd: (draw(random, favours_odd) >= 0.5) * 0.5 + 0.25)"),
        // Tasks of neither kind are trained on.
        (["means"], "write_run(lambda random, favours_odd: random.random(10) if favours_odd else draw(random, False))"),
    ]

    @Test("finds each kind of defect, chance's among them, and none in a sound run")
    func defects() throws {
        let folder = try TemporaryFolder()
        let steps = Self.planted.map { "write_run()\n\($0.lines)\nlook()" }.joined(separator: "\n")
        let text = try python(
            """
            import sys
            sys.path.insert(0, '\(TransitionCheckTests.scripts)')
            run = '\(folder("run"))'
            \(Self.writing)
            \(steps)
            """)
        let found = text.split(separator: "\n").map { $0.split(separator: " ").dropFirst().map(String.init) }
        #expect(found.count == Self.planted.count, "\(text)")
        for (planted, kinds) in zip(Self.planted, found) {
            let isFound = planted.kinds.isEmpty ? kinds.isEmpty : Set(planted.kinds).isSubset(of: kinds)
            #expect(isFound, "\(planted.kinds), planted by \(planted.lines): found \(kinds)")
        }
    }
}
