import Environments
import Experience
import Models

/// A stream's columns that a model is to be shown: those of its spaces, every element within.
struct CheckedColumns {
    /// (N)
    let rewards: [Float]
    private let spaces: ModelSpaces
    private let stored: Space
    private let seenBytes: Int
    private let view: (any ObservationView)?
    private let observations: [UInt8]
    private let actions: [UInt8]

    /// `observations` and `actions` are (N, bytes) as streams store them; `view` makes what the model sees of them. Throws
    /// `HistoriesError` when the columns do not fit each other or leave their spaces.
    init(
        model: any SequenceModel, environment: EnvironmentDescription, view: (any ObservationView)?,
        observations: [UInt8], actions: [UInt8], rewards: [Float]
    ) throws {
        try Prediction.check(
            model: model, environment: environment, view: view, observations: observations, actions: actions,
            rewards: rewards)
        self.rewards = rewards
        self.view = view
        self.observations = observations
        self.actions = actions
        spaces = model.spaces
        stored = environment.stored.space
        seenBytes = environment.observationSpace.byteCount
    }

    /// What the model sees in a row.
    func observation(of row: Int) -> [UInt8] {
        let bytes = Array(observations[(row * stored.byteCount)..<((row + 1) * stored.byteCount)])
        guard let view else { return bytes }
        var seen = [UInt8](repeating: 0, count: seenBytes)
        view.see(bytes, count: 1, into: &seen)
        return seen
    }

    func action(of row: Int) -> Int32 {
        actions.withUnsafeBytes { bytes in
            bytes.baseAddress.map { spaces.action(at: $0 + row * spaces.actionBytes) } ?? 0
        }
    }
}
