import Distillation
import Environments
import Experience
import Experiments
import Foundation
import Histories
import Models
import Simulation
import TestSupport
import Testing
import Wire

@Suite("What the files of an evaluation say about what acted in them") struct EvaluationSourceTests {
    @Test("the actions are drawn again from the file alone: its key, its temperature, whether the context was cleared")
    func drawnAgain() throws {
        let reference = try DisturbedEvaluation.Reference()
        let checkpoint = "\(reference.folder)/checkpoints/distiller/\(reference.checkpoint)"
        let model = try Checkpoint(folder: URL(fileURLWithPath: checkpoint)).makeModel()
        let files = try StreamFolder(path: reference.folder).files.filter { $0.contains("/evaluations/") }
        var evaluations: Set<String> = []
        for (_, seeds) in Dictionary(grouping: files, by: { URL(fileURLWithPath: $0).deletingLastPathComponent() }) {
            let streams = try seeds.sorted().map { try StreamContents(path: $0) }
            let source = try EvaluationSource(json: streams[0].metadata.sourceJSON)
            evaluations.insert(source.evaluation)
            guard case .inContext(let temperature, let clearsContext) = source.policy else {
                Issue.record("\(source)")
                continue
            }
            #expect(clearsContext == source.evaluation.hasSuffix("-cleared"))
            #expect(source.checkpoint == reference.checkpoint)
            #expect(try actions(of: model, temperature, clearsContext, streams) == streams.map { $0.rows[.actions] })
        }
        #expect(evaluations.count == 3)
    }

    /// What the model does where it sees what the streams hold.
    private func actions(
        of model: any SequenceModel, _ temperature: Double, _ clearsContext: Bool, _ streams: [StreamContents]
    ) throws -> [[UInt8]] {
        let policy = try InContextPolicy(
            model: model, keys: streams.map(\.metadata.key),
            settings: InContextPolicy.Settings(temperature: temperature))
        var drawn = [[UInt8]](repeating: [], count: streams.count)
        for row in streams[0].rows.rewards.indices {
            for (copy, stream) in streams.enumerated()
            where clearsContext && stream.episodes.contains(where: { $0.rows.lowerBound == row }) {
                policy.clear(copy)
            }
            let observations = streams.flatMap { $0.rows[.observations][(2 * row)..<(2 * row + 2)] }
            var chosen = [UInt8](repeating: 0, count: streams.count)
            policy.act(observations: observations, actions: &chosen)
            policy.record(rewards: streams.map { $0.rows.rewards[row] })
            for copy in streams.indices { drawn[copy].append(chosen[copy]) }
        }
        return drawn
    }

    @Test("streams of an evaluation are opened only by an evaluator that says what acts in this evaluation")
    func refused() throws {
        let recorder = try LoneRecorder(smallExperiment(lockstep: false, actors: 1, processes: 1))
        let context = try ExperimentContext(
            experiment: Experiment(yaml: recorder.experiment, file: "the test"), folder: recorder.folder)
        let task = try #require(context.experiment.trainTasks(of: context.distribution).first)
        let lifetime = LifetimeIdentifier(collection: .evaluation("step-7-test"), task: task, repetition: 0)
        func open(_ source: String) throws -> Bool {
            let request = OpenStreams(
                lifetime: lifetime, actors: 0..<1, incarnation: 1, firstPolicyVersion: 0, source: source)
            return try recorder.say(.openStreams(request), from: "a").opened != nil
        }
        func source(_ evaluation: String) -> String {
            EvaluationSource(
                evaluation: evaluation, checkpoint: "step-7", policy: .inContext(temperature: 1, clearContext: false)
            ).json
        }
        for source in ["", "{}", "[1]", source("step-7-test-cleared"), source("")] {
            #expect(try !open(source), "\(source)")
        }
        #expect(try open(source("step-7-test")))
        // A stream has a file when there is something to be written to it.
        let life = MadeUpLife(lifetime: lifetime, incarnation: 1)
        _ = try recorder.say(life.rollout(0, isLast: true), from: "a")
        let file = recorder.folder + "/" + StreamIdentifier(lifetime: lifetime, actor: 0).path
        #expect(try StreamReader(path: file).metadata.sourceJSON == source("step-7-test"))
    }
}
