/// What is kept of each transition, and of each episode that ends: one column of a rollout's rows each.
///
/// Their order is that of the stream file's datasets, of the fields that travel and of the checksum. A column is
/// declared here and in `RolloutLayout`; batches, streams and messages loop over `allCases`.
package enum RolloutColumn: Int, CaseIterable, Sendable {
    /// o_t
    case observations
    /// a_t
    case actions
    /// r_t
    case rewards
    /// Whether the transition led to the end of its episode by the task's own rules; 0 or 1.
    case terminations
    /// Whether its episode was cut off there, by a time limit; 0 or 1.
    case truncations
    /// What the environment showed after the last step of each finished episode.
    case finalObservations

    /// As the datasets of a stream file are called.
    package var name: String {
        switch self {
        case .finalObservations: "final_observations"
        default: "\(self)"
        }
    }

    /// It has one element a finished episode; the others have one a row.
    package var isOfEpisodes: Bool { self == .finalObservations }

    /// Those with one element a row, which come first.
    package static let ofRows = allCases.filter { !$0.isOfEpisodes }
}

/// What the elements of each column are in one environment. Elements are stored little-endian and unpadded.
package struct RolloutLayout: Hashable, Sendable {
    /// Of `observations` and `finalObservations`.
    package let observation: Space
    /// Of `actions`.
    package let action: Space
    /// Bytes of an observation, kept because widths are asked for with each rollout.
    private let observationBytes: Int
    /// Bytes of an action, kept for the same reason.
    private let actionBytes: Int

    /// Two layouts are equal where their spaces are.
    package init(observation: Space, action: Space) {
        self.observation = observation
        self.action = action
        observationBytes = observation.byteCount
        actionBytes = action.byteCount
    }

    /// Rewards and flags have the same space in every environment.
    package func space(of column: RolloutColumn) -> Space {
        switch column {
        case .observations, .finalObservations: observation
        case .actions: action
        case .rewards: Self.reward
        case .terminations, .truncations: Self.flag
        }
    }

    /// Bytes of one element.
    package func width(of column: RolloutColumn) -> Int {
        switch column {
        case .observations, .finalObservations: observationBytes
        case .actions: actionBytes
        default: Self.environmentIndependentWidth(of: column) ?? 0
        }
    }

    /// Bytes of one element where no environment decides on them; nil of observations and actions.
    package static func environmentIndependentWidth(of column: RolloutColumn) -> Int? {
        switch column {
        case .rewards: 4
        case .terminations, .truncations: 1
        default: nil
        }
    }

    /// Bytes of one transition.
    package var rowBytes: Int { RolloutColumn.ofRows.reduce(0) { $0 + width(of: $1) } }

    /// Any finite number.
    private static let reward = Space.box(
        shape: [], type: .float32, low: -Double(Float.greatestFiniteMagnitude),
        high: Double(Float.greatestFiniteMagnitude))
    /// 0 or 1, in a byte.
    private static let flag = Space.discrete(count: 2)
}
