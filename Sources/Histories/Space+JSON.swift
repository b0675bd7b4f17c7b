import Environments
package import Experience
import FoundationEssentials

extension Space {
    /// Largest element that a file may declare, in bytes: a 4096 x 4096 image.
    static let largestElementBytes = 16 << 20

    /// As it stands in the attributes `observation_space` and `action_space`: `{"type":"discrete","n":5}`,
    /// `{"type":"multi_discrete","nvec":[9,9]}` or `{"type":"box","shape":[2],"dtype":"float32","low":-1,"high":1}`
    /// (a bound that is missing is infinite).
    package var json: String {
        switch self {
        case .discrete(let count): "{\"type\":\"discrete\",\"n\":\(count)}"
        case .multiDiscrete(let counts): "{\"type\":\"multi_discrete\",\"nvec\":\(listed(counts))}"
        case .box(let shape, let type, let low, let high):
            "{\"type\":\"box\",\"shape\":\(listed(shape)),\"dtype\":\"\(type.rawValue)\""
                + (low.isFinite ? ",\"low\":\(low)" : "") + (high.isFinite ? ",\"high\":\(high)" : "") + "}"
        }
    }

    /// Reads what `json` writes. Throws `EnvironmentError` for anything else and for spaces of absurd size.
    ///
    /// A space has at most 65,536 discrete parts or 8 dimensions, and elements of at most 16 MiB.
    package init(json: String) throws {
        guard let description = try? JSONDecoder().decode(SpaceDescription.self, from: Data(json.utf8)),
            let space = description.space
        else {
            throw EnvironmentError("expected a space such as {\"type\":\"discrete\",\"n\":5}, got \(json.prefix(80))")
        }
        self = space
    }
}

/// Without blanks, as the attribute's checksum is over the text.
private func listed(_ numbers: [Int]) -> String {
    "[" + numbers.map(String.init).joined(separator: ",") + "]"
}

/// Any of the three kinds, with fields that the others do not have as nil.
private struct SpaceDescription: Decodable {
    let type: String
    let n: Int?
    let nvec: [Int]?
    let shape: [Int]?
    let dtype: ElementType?
    let low: Double?
    let high: Double?

    /// Nil for a type that does not exist and for sizes out of bounds.
    var space: Space? {
        let counts = 1...Int(Int32.max)
        switch type {
        case "discrete":
            return n.flatMap { counts.contains($0) ? .discrete(count: $0) : nil }
        case "multi_discrete":
            guard let nvec, (1...65_536).contains(nvec.count), nvec.allSatisfy(counts.contains) else { return nil }
            return .multiDiscrete(counts: nvec)
        case "box":
            guard let shape, let dtype, shape.count <= 8, elementsFit(shape, dtype) else { return nil }
            return .box(shape: shape, type: dtype, low: low ?? -.infinity, high: high ?? .infinity)
        default:
            return nil
        }
    }

    /// Multiplies with a check for overflow, since sizes come from a file.
    private func elementsFit(_ shape: [Int], _ type: ElementType) -> Bool {
        var bytes = type.byteCount
        for dimension in shape {
            guard dimension >= 1, dimension <= Space.largestElementBytes else { return false }
            let (product, overflow) = bytes.multipliedReportingOverflow(by: dimension)
            guard !overflow, product <= Space.largestElementBytes else { return false }
            bytes = product
        }
        return true
    }
}
