/// What is to be written together, in one transaction: what a turn of the coordinator decided. Later records replace
/// earlier ones of the same thing; metrics are added.
package struct LedgerBatch: Sendable {
    /// Each replaces the row of its id.
    package var tasks: [TaskRecord] = []
    /// Each replaces the row of its task and repetition.
    package var lifetimes: [LifetimeRecord] = []
    /// Each replaces the row of its path.
    package var streams: [StreamRecord] = []
    /// Each replaces the row of its name.
    package var nodes: [NodeRecord] = []
    /// Added one by one, in this order; the same metric written twice is there twice.
    package var metrics: [MetricRecord] = []
    /// Each replaces the row of its name.
    package var checkpoints: [CheckpointRecord] = []
    /// Jobs of evaluations with their returns; each replaces what was known of its task.
    package var results: [EvaluationReturns] = []
    /// Each replaces the row of its identity.
    package var recorders: [RecorderRecord] = []
    /// Each replaces the row of its lifetime.
    package var pins: [PinRecord] = []

    package init(
        tasks: [TaskRecord] = [], lifetimes: [LifetimeRecord] = [], streams: [StreamRecord] = [],
        nodes: [NodeRecord] = [], metrics: [MetricRecord] = [], checkpoints: [CheckpointRecord] = [],
        results: [EvaluationReturns] = [], recorders: [RecorderRecord] = [], pins: [PinRecord] = []
    ) {
        self.tasks = tasks
        self.lifetimes = lifetimes
        self.streams = streams
        self.nodes = nodes
        self.metrics = metrics
        self.checkpoints = checkpoints
        self.results = results
        self.recorders = recorders
        self.pins = pins
    }

    /// Then there is nothing to write, and no transaction is needed.
    ///
    /// A coordinator's quiet turns are empty, and cost no fsync.
    package var isEmpty: Bool {
        tasks.isEmpty && lifetimes.isEmpty && streams.isEmpty && nodes.isEmpty && metrics.isEmpty && checkpoints.isEmpty
            && results.isEmpty && recorders.isEmpty && pins.isEmpty
    }
}
