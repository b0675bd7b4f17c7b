/// What is to be written together, in one transaction: what a turn of the coordinator decided. Later records replace
/// earlier ones of the same thing; metrics are added.
package struct LedgerBatch: Sendable {
    package var lifetimes: [LifetimeRecord] = []
    package var streams: [StreamRecord] = []
    package var nodes: [NodeRecord] = []
    package var metrics: [MetricRecord] = []
    package var checkpoints: [CheckpointRecord] = []
    package var results: [EvaluationReturns] = []

    package init(
        lifetimes: [LifetimeRecord] = [], streams: [StreamRecord] = [], nodes: [NodeRecord] = [],
        results: [EvaluationReturns] = []
    ) {
        self.lifetimes = lifetimes
        self.streams = streams
        self.nodes = nodes
        self.results = results
    }

    package var isEmpty: Bool {
        lifetimes.isEmpty && streams.isEmpty && nodes.isEmpty && metrics.isEmpty && checkpoints.isEmpty
            && results.isEmpty
    }
}
