package import Environments
package import Experience
package import Histories
package import Models
import Neural

/// The model's action logits along a stream that it does not act in: what `distillery predict` prints, and what tests
/// compare with acting. Windows are computed 16 at a time, each by itself, with frozen weights and without masks; images
/// go through the model's encoder once.
package enum Prediction {
    /// As `logits(model:environment:view:observations:actions:rewards:)`, of a stream that was read. Throws also
    /// `EnvironmentError` where the stream stores something else than what is seen and its attributes do not say how
    /// that is seen.
    package static func logits(model: any SequenceModel, stream: StreamContents) throws -> [Float] {
        try logits(
            model: model, environment: stream.metadata.environment, view: try stream.metadata.makeView(),
            observations: stream.rows[.observations], actions: stream.rows[.actions], rewards: stream.rows.rewards)
    }

    /// Logits (N, A), end to end: row t is computed from rows max(0, t - c + 1) to t, the first of which has action
    /// "none" and reward 0. `observations` and `actions` are (N, bytes) as streams store them; `view` makes what the
    /// model sees of them. Throws `HistoriesError` when the columns do not fit each other or leave their spaces.
    package static func logits(
        model: any SequenceModel, environment: EnvironmentDescription, view: (any ObservationView)? = nil,
        observations: [UInt8], actions: [UInt8], rewards: [Float]
    ) throws -> [Float] {
        try check(
            model: model, environment: environment, view: view, observations: observations, actions: actions,
            rewards: rewards)
        let spaces = model.spaces
        let count = rewards.count
        let together = 16
        let length = model.contextLength
        let inference = model.makeInference(windows: together)
        let batch = WindowBatch(windows: together, form: model.form, holdsObservations: false)
        let logits = FloatBuffer(count * spaces.actionCount)
        let stored = StoredObservations(bytes: observations, width: environment.stored.space.byteCount, view: view)
        let writer = WindowWriter(
            spaces: spaces, observations: stored, vectors: stored.encoded(by: model, count: count), actions: actions,
            rewards: rewards, batch: batch)
        var row = 0
        while row < count {
            // Windows of the same length go together; the growing ones at a stream's beginning are alone.
            let rows = min(row + 1, length)
            let sequences = rows < length ? 1 : min(together, count - row)
            for sequence in 0..<sequences {
                writer.write(from: row + sequence + 1 - rows, rows: rows, window: sequence)
            }
            inference.lastLogits(
                batch, windows: sequences, length: rows, into: logits.start + row * spaces.actionCount)
            row += sequences
        }
        return logits.values
    }

    /// Throws `HistoriesError` where columns do not fit each other, the model or their spaces, as `logits` does.
    static func check(
        model: any SequenceModel, environment: EnvironmentDescription, view: (any ObservationView)?,
        observations: [UInt8], actions: [UInt8], rewards: [Float]
    ) throws {
        let (stored, actionSpace) = (environment.stored.space, environment.actionSpace)
        guard environment.observationSpace == model.spaces.observationSpace, actionSpace == model.spaces.actionSpace
        else {
            throw HistoriesError("the stream's spaces are not those that the model was made for")
        }
        guard environment.hasView == (view != nil) else {
            throw HistoriesError("a stream of \(environment.name) does not say how its observations are seen")
        }
        let count = rewards.count
        guard observations.count == count * stored.byteCount, actions.count == count * actionSpace.byteCount
        else {
            throw HistoriesError("a stream of \(count) rows has columns of other lengths")
        }
        try check(observations, stored, "observation")
        try check(actions, actionSpace, "action")
    }

    /// Throws `HistoriesError` for the first row that is not in its space. `what` names the column in the message.
    private static func check(_ column: [UInt8], _ space: Space, _ what: String) throws {
        try column.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            for row in 0..<(bytes.count / space.byteCount) where !space.contains(start + row * space.byteCount) {
                throw HistoriesError("the \(what) of row \(row) is not in \(space)")
            }
        }
    }

    /// Writes windows of a stream's rows into a batch. It holds the columns as streams store them; `from` is a row of
    /// the stream.
    private struct WindowWriter {
        let spaces: ModelSpaces
        let observations: StoredObservations
        /// (N, vector width) what an encoder made of the observations; nil where there is none.
        let vectors: FloatBuffer?
        let actions: [UInt8]
        let rewards: [Float]
        let batch: WindowBatch

        func write(from first: Int, rows: Int, window: Int) {
            actions.withUnsafeBytes { actions in
                guard let actions = actions.baseAddress else { return }
                for row in 0..<rows {
                    let source = first + row
                    let target = window * batch.length + row
                    observe(source, as: target)
                    batch.previousActions[target] =
                        row == 0
                        ? spaces.noAction
                        : spaces.action(at: actions + (source - 1) * spaces.actionBytes)
                    batch.previousRewards[target] = row == 0 ? 0 : rewards[source - 1]
                }
            }
        }

        private func observe(_ source: Int, as target: Int) {
            guard let vectors else {
                return observations.withRow(source) { batch.observe($0, through: observations.view, row: target) }
            }
            let width = batch.vectorWidth
            (batch.vectors.start + target * width).update(from: vectors.start + source * width, count: width)
        }
    }

    /// A column of observations as a stream stores them, `width` bytes each, and how they are seen.
    private struct StoredObservations {
        let bytes: [UInt8]
        let width: Int
        let view: (any ObservationView)?

        /// Observations that are seen and encoded together.
        private static let together = 64

        func withRow(_ row: Int, _ body: (UnsafeRawPointer) -> Void) {
            bytes.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { return }
                body(start + row * width)
            }
        }

        /// What the model's encoder makes of the first `count`, each once, although many windows hold it; nil where the
        /// model has none.
        func encoded(by model: any SequenceModel, count: Int) -> FloatBuffer? {
            guard case .vector(let floats) = model.form.input,
                let encoder = model.makeEncoder(observations: Self.together, pool: WorkerPool(count: 1), seed: nil)
            else { return nil }
            let vectors = FloatBuffer(count * floats)
            var seen = [UInt8](repeating: 0, count: Self.together * model.spaces.observationBytes)
            for first in stride(from: 0, to: count, by: Self.together) {
                let rows = min(Self.together, count - first)
                withRow(first) { stored in
                    guard let view else {
                        return encoder.encode(stored, count: rows, into: vectors.start + first * floats)
                    }
                    view.see(stored, count: rows, into: &seen)
                    encoder.encode(seen, count: rows, into: vectors.start + first * floats)
                }
            }
            return vectors
        }
    }
}
