import ArgumentParser
import Distillation
import Files
import Foundation
import Histories
import Nodes
import Reporting

struct AttentionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attention", abstract: "What a checkpoint attends to along a stream, as data and as a picture.",
        discussion: """
            For the decision at each row of --steps, in the context of the rows max(0, t-c+1) to t. Writes into a folder: \
            report.html, a page with a picture of every head (episodes' begins and rewards are marked) and its numbers in \
            report/*.csv; summary.csv, the shares of attention by distance in episodes, on rows with a reward and on \
            rows that begin an episode, each beside that of even attention; attention.h5, with Q decisions and K rows of \
            the longest context: `attention` (Q, layers, heads, K) float32, 0 behind a shorter context; `queries` (Q), \
            `rows` (Q, K) the rows of the stream and `episodes_back` (Q, K), -1 behind; `episode_starts` (Q, K) 0 or 1; \
            `rewards` (Q, K) float32, what a row's tokens show, the reward of the row before. Example: \
            distillery attention runs/quickstart/checkpoints/distiller/step-00020000 --stream seed-00.h5 --steps 120,480
            """)

    private static let dataset = "attention"

    @Argument(help: "Folder of the checkpoint.") var checkpoint: String
    @Option(help: "A stream file, for example of an evaluation.") var stream: String
    @Option(help: "Rows of the stream, separated by commas.") var steps: String
    @Option(help: "The folder to write into; one that exists is kept.") var out = "attention"
    @Flag(help: "Replace what is in the folder if this command wrote it.") var force = false
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws { _ = try rows }

    private var rows: [Int] {
        get throws {
            let rows = steps.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
            let found = rows.compactMap { $0 }.filter { $0 >= 0 }
            guard found.count == rows.count, found.count <= Self.mostRows, Set(found).count == found.count else {
                throw ValidationError(
                    "--steps \(steps): expected at most \(Self.mostRows) different rows, for example 120,480")
            }
            return found
        }
    }
    /// A page with more pictures is of no use.
    private static let mostRows = 64

    func run() throws {
        let file = "\(out)/attention.h5"
        try checkFolder(file)
        let model = try Checkpoint(folder: URL(fileURLWithPath: checkpoint)).makeModel()
        let attention = try StreamAttention(model: model, stream: try StreamContents(path: stream), rows: try rows)
        try Folder.create(out)
        try TensorFile.write(attention.tensors, to: file)
        let summary = AttentionSummary(attention)
        try AtomicFile.write(summary.csv, to: "\(out)/summary.csv")
        try Report(attention: attention, checkpoint: checkpoint, stream: stream)
            .write(into: URL(fileURLWithPath: out))
        guard !json else { return try printJSON(AttentionDocument(folder: out, summary: summary)) }
        print("\(out)/report.html\n\(file)\n\(out)/summary.csv")
    }

    /// Throws `ClusterError` where the folder has something that this command did not write, or that is to be kept.
    private func checkFolder(_ file: String) throws {
        guard (try? FileManager.default.attributesOfItem(atPath: out)) != nil else { return }
        let names = (try? Folder.names(in: out)) ?? []
        guard Folder.isFolder(out), names.isEmpty || names.contains("attention.h5") else {
            throw ClusterError("\(out) exists and is no folder of attention: choose another --out")
        }
        guard names.isEmpty || force && TensorFile.holds(Self.dataset, at: file) else {
            throw ClusterError("\(out) has files: choose another --out, or replace them by --force")
        }
    }
}

/// What `--json` prints.
private struct AttentionDocument: Encodable {
    let folder: String
    let summary: AttentionSummary
}

extension StreamAttention {
    /// As the command's help describes them.
    fileprivate var tensors: [TensorFile.Tensor] {
        let longest = decisions.map(\.keys.count).max() ?? 0
        func filled<Value>(_ values: some Sequence<Value>, with rest: Value) -> [Value] {
            let values = Array(values)
            return values + Array(repeating: rest, count: longest - values.count)
        }
        func ofRows(_ values: (Decision) -> [Int]) -> TensorFile.Values {
            .integers(decisions.flatMap { filled(values($0).map { Int32(clamping: $0) }, with: -1) })
        }
        let weights = decisions.flatMap { decision in
            (0..<layers).flatMap { layer in
                (0..<heads).flatMap { filled(decision.weights(layer: layer, head: $0, of: heads), with: 0) }
            }
        }
        let shape = [decisions.count, longest]
        return [
            TensorFile.Tensor("attention", [decisions.count, layers, heads, longest], .floats(weights)),
            TensorFile.Tensor("queries", [decisions.count], .integers(decisions.map { Int32(clamping: $0.row) })),
            TensorFile.Tensor("rows", shape, ofRows { Array($0.keys) }),
            TensorFile.Tensor("episodes_back", shape, ofRows(\.episodesBack)),
            TensorFile.Tensor(
                "episode_starts", shape,
                .integers(decisions.flatMap { filled($0.isStart.map { $0 ? 1 : 0 }, with: 0) })),
            TensorFile.Tensor("rewards", shape, .floats(decisions.flatMap { filled($0.rewards, with: 0) })),
        ]
    }
}
