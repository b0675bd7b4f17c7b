import Catalog
import Environments
import Quantities

extension ReportFigures {
    /// Variants that maps are drawn of at most: the first of them.
    private static let mostMapped = 4

    /// Final return of the distilled model by place, train and held-out, a map for each of the places that a task has and
    /// for each variant. Empty where tasks are not places in a grid, or nothing was evaluated.
    ///
    /// Places that were not evaluated are shown as empty cells.
    func mapsOfModels() -> [HeatMap] {
        guard let grid = contents.distribution as? any GridTasks else { return [] }
        return evaluations.variants.prefix(Self.mostMapped).flatMap { variant in
            maps(grid, finalShares(of: variant)) { place in
                MapTexts(
                    name: name(ofMapBy: place, variant), title: title(ofMapBy: place, variant),
                    caption: Self.finalCaption,
                    ending: "Framed goals were held out; of the training goals those with a number were evaluated.")
            }
        }
    }

    private static let finalCaption = "mean over seeds of the last \(LearningCurves.finalEpisodes) episodes"

    private func name(ofMapBy place: String, _ variant: String) -> String {
        "final-return-by-\(place)\(evaluations.areSeveral ? "-\(variant)" : "")"
    }

    private func title(ofMapBy place: String, _ variant: String) -> String {
        "Distilled model\(evaluations.areSeveral ? " of \(variant)" : ""): final return by \(place)"
    }

    /// By task, one for each seed: what the variant comes to, as a share of the optimum, on train and held-out tasks.
    private func finalShares(of variant: String) -> [Int: [Double]] {
        var shares: [Int: [Double]] = [:]
        for split in Split.allCases {
            guard let label = evaluations.label(split.rawValue, .inContext),
                let evaluated = evaluations.pooled(variant, label)
            else { continue }
            for final in contents.finalShares(evaluated.curves, on: evaluated.tasks) {
                shares[final.task, default: []].append(final.share)
            }
        }
        return shares
    }

    /// The same where tasks are places anywhere on the plane: a map for each variant, with every task's place on it.
    func planesOfModels() -> [PlaceMap] {
        guard let tasks = contents.distribution as? any PlacedTasks else { return [] }
        return evaluations.variants.prefix(Self.mostMapped).compactMap { variant in
            let shares = finalShares(of: variant)
            guard !shares.isEmpty else { return nil }
            let places = contents.tasks.compactMap { record -> PlaceMap.Place? in
                let task = Task(id: record.id, split: record.split, json: record.json)
                guard let centre = try? tasks.place(of: task) else { return nil }
                return PlaceMap.Place(
                    task: record.id, split: record.split, centre: centre,
                    share: shares[record.id].map { average($0[...]) })
            }
            return PlaceMap(
                name: name(ofMapBy: tasks.placeName, variant), title: title(ofMapBy: tasks.placeName, variant),
                caption:
                    "Percent of the task's optimum, \(Self.finalCaption). Framed \(words.places) were held out; small dots "
                    + "are those of training that were not evaluated.",
                ground: tasks.ground, noun: tasks.placeName, radius: tasks.placeRadius, places: places)
        }
    }

    /// An early and a late episode of some held-out tasks, as they were recorded.
    func paths() -> PathChart? {
        guard !contents.paths.isEmpty else { return nil }
        let variant = evaluations.areSeveral ? " of \(evaluations.variants.first ?? "")" : ""
        return PathChart(
            name: "paths", title: "Distilled model\(variant): an early and a late episode",
            caption:
                "What the first seed of the first \(contents.paths.count) held-out \(words.tasks) did in its first episode, at the "
                + "left, and in its last, at the right. A ring marks where an episode begins, a dot where it ends.",
            paths: contents.paths)
    }

    /// The same of the source algorithm, mean over its lifetimes on the task.
    ///
    /// Lifetimes are those whose streams could be read. Tasks without a known optimum stay empty.
    func mapsOfSource() -> [HeatMap] {
        guard let grid = contents.distribution as? any GridTasks else { return [] }
        var shares: [Int: [Double]] = [:]
        for task in contents.tasks {
            guard let optimum = contents.optimum(of: task.id), optimum > 0,
                let curves = contents.sourceReturns[task.id]
            else { continue }
            shares[task.id] = LearningCurves([curves]).finals.joined().map { $0 / optimum }
        }
        return maps(grid, shares) { place in
            MapTexts(
                name: "source-return-by-\(place)", title: "Source algorithm: final return by \(place)",
                caption: "mean over the lifetimes of the algorithm that made the data",
                ending:
                    "On framed goals it learnt for comparison only; the distiller never saw them.")
        }
    }

    /// What is written at a map.
    private struct MapTexts {
        let name: String
        let title: String
        /// What was averaged, behind the unit.
        let caption: String
        /// What frames are, for maps whose cells are tasks.
        let ending: String
    }

    /// `shares`: by task, one for each seed or lifetime. A cell shows the mean over the tasks that have the place there,
    /// each with the same weight. `texts` gets the name of a place.
    private func maps(
        _ grid: any GridTasks, _ shares: [Int: [Double]], texts: (String) -> MapTexts
    ) -> [HeatMap] {
        guard !shares.isEmpty else { return [] }
        let places = contents.tasks.compactMap { record -> (task: TaskRecord, cells: [GridCell])? in
            guard let cells = try? grid.places(of: Task(id: record.id, split: record.split, json: record.json)) else {
                return nil
            }
            return (record, cells)
        }
        return grid.placeNames.enumerated().map { index, place in
            let texts = texts(place)
            let others = grid.placeNames.filter { $0 != place }
            let cells = Dictionary(grouping: places) { $0.cells[index] }.map { cell, members in
                HeatMap.Cell(cell, members.map(\.task), shares, areSingle: others.isEmpty)
            }.sorted { ($0.y, $0.x) < ($1.y, $1.x) }
            let over = others.isEmpty ? "" : " and over the places of the \(others.joined(separator: " and the "))"
            return HeatMap(
                name: texts.name, title: texts.title,
                caption: "Percent of the \(others.isEmpty ? place : "task")'s optimum, \(texts.caption)\(over)."
                    + (others.isEmpty ? " " + texts.ending : ""),
                columns: grid.size.columns, rows: grid.size.rows, noun: place, cells: cells,
                start: grid.start.map { ($0.x, $0.y) })
        }
    }

    /// How often an episode reaches each of several places, by episode: what the return says where each place brings a
    /// reward of 1 once, in their order. One figure of the model and its control, or one for each place where variants
    /// are compared. Empty where there are not several places.
    func reached() -> [LineChart] {
        guard let grid = contents.distribution as? any GridTasks, grid.rewardsEachPlaceOnce,
            grid.placeNames.count > 1, let label = evaluations.label(Split.test.rawValue, .inContext)
        else { return [] }
        let places = grid.placeNames.enumerated().map { (name: $1, reward: Double($0 + 1)) }
        guard evaluations.areSeveral else {
            var lines = [(evaluations.pooled(evaluations.variants.first ?? "", label), "in context", Dash.solid)]
            if let control = evaluations.label(Split.test.rawValue, .control) {
                lines.append(
                    (evaluations.pooled(evaluations.variants.first ?? "", control), "context cleared", .dashed))
            }
            let series = lines.flatMap { evaluation, words, dash in
                zip(places, [Role.quantity, .secondQuantity]).compactMap { place, role in
                    evaluation.map { self.series("\(place.name), \(words)", role, dash, $0, place.reward) }
                }
            }
            return [reachedChart("reached-by-episode", places.map(\.name).joined(separator: " and the "), series)]
        }
        return places.map { place in
            let series = evaluations.variants.enumerated().compactMap { index, variant in
                evaluations.pooled(variant, label).map {
                    self.series(variant, LineLook(index).role, LineLook(index).dash, $0, place.reward)
                }
            }
            return reachedChart("\(place.name)-reached-by-episode", place.name, series)
        }
    }

    private func series(
        _ name: String, _ role: Role, _ dash: Dash, _ evaluation: PooledEvaluation, _ reward: Double
    ) -> LineChart.Series {
        // Half a reward below, so that sums of rewards need not be exact.
        let shares = evaluation.curves.mapped { curve, _ in curve.map { $0 > reward - 0.5 ? 1 : 0 } }
        return .init(name, role, shares.meanCurve(window: shares.longest >= 100 ? 5 : 1), dash: dash)
    }

    private func reachedChart(_ name: String, _ places: String, _ series: [LineChart.Series]) -> LineChart {
        LineChart(
            name: name, title: "How often the \(places) \(places.contains(" and ") ? "are" : "is") reached",
            caption: "Share of the episodes on held-out tasks whose return says so: each place brings a reward of 1 "
                + "once an episode, in their order. Means and 95 % intervals as above.",
            xTitle: "episode", yTitle: "share of episodes", series: series,
            xRange: 1...Double(max(2, series.flatMap(\.points).map(\.x).max() ?? 2)), yRange: 0...1)
    }
}

extension HeatMap.Cell {
    /// The tasks that have a place in `cell`: where every cell is one task its id is told, otherwise how many of them
    /// were measured.
    fileprivate init(_ cell: GridCell, _ tasks: [TaskRecord], _ shares: [Int: [Double]], areSingle: Bool) {
        let measured = tasks.compactMap { shares[$0.id] }.filter { !$0.isEmpty }.map { average($0[...]) }
        let share = measured.isEmpty ? nil : average(measured[...])
        if areSingle, let task = tasks.first {
            self.init(x: cell.x, y: cell.y, .task(task.id, task.split), share: share)
        } else {
            self.init(x: cell.x, y: cell.y, .tasks(measured.count), share: share)
        }
    }
}
