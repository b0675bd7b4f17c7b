import ArgumentParser
import Distillation
import Foundation
import Histories

struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict", abstract: "A checkpoint's action logits along a stream, as HDF5.",
        discussion: """
            Writes the dataset `logits` (N, A): row t from rows max(0, t-c+1) to t of the stream. Example: \
            distillery predict runs/quickstart/checkpoints/distiller/step-00020000 --stream actor-0000.h5 --out logits.h5
            """)

    private static let dataset = "logits"

    @Argument(help: "Folder of the checkpoint.") var checkpoint: String
    @Option(help: "A stream file.") var stream: String
    @Option(help: "The HDF5 file to write; one that exists is kept.") var out: String
    @OptionGroup var output: OutputOptions

    func run() throws {
        let inputs = [stream] + ["model.safetensors", "config.json"].map { "\(checkpoint)/\($0)" }
        let out = try OutputFile(out, content: .matrix(Self.dataset), inputs: inputs, force: output.force).path
        let model = try Checkpoint(folder: URL(fileURLWithPath: checkpoint)).makeModel()
        let contents = try StreamContents(path: stream)
        let logits = try Prediction.logits(model: model, stream: contents)
        let rows = contents.rows.rewards.count
        let columns = rows == 0 ? 0 : logits.count / rows
        try TensorFile.write([TensorFile.Tensor(Self.dataset, [rows, columns], .floats(logits))], to: out)
        print("\(out): logits (\(rows), \(columns))")
    }
}
