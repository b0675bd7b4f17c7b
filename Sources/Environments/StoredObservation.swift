package import Experience

/// What the streams of an environment store of each observation, and under which name.
///
/// Most environments store what is seen, as the dataset `observations`. One whose observations are large and follow
/// from little, such as pictures from a pose, stores the little under a name of its own, such as `states`; its
/// `TaskDistribution.makeView` makes the observation of it.
package struct StoredObservation: Hashable, Sendable {
    /// The dataset of a stream file; that of the final observations is `final_` and this name.
    package let name: String
    /// The elements of that dataset.
    package let space: Space

    /// The name where streams store what is seen.
    package static let usualName = "observations"

    /// Nil where the name cannot be that of a dataset beside those that every stream has: expected are 1 to 32 small
    /// letters and underscores, the first a letter.
    package init?(name: String, space: Space) {
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        let others = ["actions", "rewards", "terminations", "truncations", "rollouts"]
        guard (1...32).contains(name.utf8.count), name.utf8.first.map(letters.contains) ?? false,
            name.utf8.allSatisfy({ letters.contains($0) || $0 == UInt8(ascii: "_") }),
            !others.contains(name), !name.hasPrefix("final_")
        else { return nil }
        self.name = name
        self.space = space
    }

    /// What is seen is stored.
    init(seen space: Space) {
        name = Self.usualName
        self.space = space
    }
}
