import Agents
import Environments
import Experiments

/// What a report calls things, which depends on what its tasks are and on what its curves count.
struct ReportWords {
    /// `goal` where tasks are goals in a grid, otherwise `task`.
    let task: String
    /// What a task places: `goal` in a grid, or `key` and `door`, or a `platform`; empty where tasks are no places.
    let placeNames: [String]
    /// What a point of a curve is: `episode` or `trial`.
    let point: String
    /// What is measured at a point: `return of an episode` or `reward of a trial`.
    let value: String
    /// What a curve comes to in the end: `final return`, or `mean reward` over a whole life.
    let final: String
    /// Over what `final` is taken: `the last 10 episodes`, `the last episode` or `all trials of a life`.
    let finalPoints: String
    /// `source (A3C)`, or `source` where the experiment cannot be read.
    let source: String

    init(_ contents: RunContents) {
        placeNames =
            (contents.distribution as? any GridTasks)?.placeNames
            ?? (contents.distribution as? any PlacedTasks).map { [$0.placeName] } ?? []
        task = placeNames == ["goal"] ? "goal" : "task"
        source = contents.experiment.map { "source (\($0.source.name.uppercased()))" } ?? "source"
        switch contents.axis {
        case .episode:
            point = "episode"
            value = "return of an episode"
            final = "final return"
            finalPoints = contents.finalPoints == 1 ? "the last episode" : "the last \(contents.finalPoints) episodes"
        case .step:
            point = "trial"
            value = "reward of a trial"
            final = "mean reward"
            finalPoints = "all trials of a life"
        }
    }

    /// `goals` or `tasks`.
    var tasks: String { task + "s" }

    /// `Goal`, or `Place` where a task has several.
    var place: String {
        placeNames.count == 1 ? placeNames[0].prefix(1).uppercased() + placeNames[0].dropFirst() : "Place"
    }
    /// `goals`, or `keys and doors`.
    var places: String { placeNames.map { $0 + "s" }.joined(separator: " and ") }

    /// Which tasks a group of the environment has, before their noun: `held-out` goals.
    func group(_ name: String) -> String {
        switch name {
        case Split.test.rawValue: "held-out"
        case Split.train.rawValue: "training"
        default: name
        }
    }

    /// Settings in a sentence: `width 9, class rooms:Room` of `{"width":9,"class":"rooms:Room"}`.
    static func settings(json: String) -> String {
        json.replacing("\":", with: " ").filter { !"{}\"".contains($0) }.replacing(",", with: ", ")
    }
}
