import Agents
import Environments
import Experience
package import Settings

/// Acts uniformly at random over the action space, whatever it sees.
package enum RandomPolicy: EvaluationPolicyKind {
    package static let name = "random"
    package static let summary = "Uniformly random actions."

    package struct Settings: SettingsGroup {
        package init() {}
        package static let entries: [Entry<Settings>] = []
    }

    package static func make(
        _ settings: Settings, _ parameters: Never?, on task: EvaluatedTask
    ) throws -> any EvaluationPolicy {
        RandomActions(task.environment.actionSpace, keys: task.keys)
    }
}

private final class RandomActions: EvaluationPolicy {
    var onProgress: (() -> Void)?
    private let space: Space
    private let generators: [Philox]

    init(_ space: Space, keys: [StreamKey]) {
        self.space = space
        generators = keys.map { Philox($0) }
    }

    var count: Int { generators.count }

    func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) {
        for copy in generators.indices {
            let element = actions + copy * space.byteCount
            for component in 0..<space.elementCount {
                // A lane is below 256: of wider actions some components are alike.
                let drawn = generators[copy].uniform(
                    .policy, episode: episodes[copy], step: steps[copy], lane: UInt32(component % 256))
                space.store(drawn, component, in: element)
            }
        }
    }

    func receive(rewards: UnsafePointer<Float>) {}
}

extension Space {
    /// Writes component `index` of an element that is uniform over the space where `drawn` is uniform in [0, 1).
    fileprivate func store(_ drawn: Float, _ index: Int, in element: UnsafeMutableRawPointer) {
        let unit = Double(drawn)
        let integer: Int
        switch self {
        case .discrete(let count): integer = Int(unit * Double(count))
        case .multiDiscrete(let counts): integer = Int(unit * Double(counts[index]))
        case .box(_, .float32, let low, let high):
            // Rounded to a Float it may lie beyond a bound that is none.
            var value = Float(low + unit * (high - low))
            if Double(value) < low { value = value.nextUp }
            if Double(value) > high { value = value.nextDown }
            return element.storeBytes(of: value, toByteOffset: 4 * index, as: Float.self)
        case .box(_, _, let low, let high): integer = Int(low) + Int(unit * (high - low + 1))
        }
        switch elementType {
        case .uint8: element.storeBytes(of: UInt8(integer), toByteOffset: index, as: UInt8.self)
        case .int32, .float32: element.storeBytes(of: Int32(integer), toByteOffset: 4 * index, as: Int32.self)
        }
    }
}
