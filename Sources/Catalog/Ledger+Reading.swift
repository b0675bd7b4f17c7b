import Environments
import Experience
import GRDB

extension Ledger {
    /// Nil for a catalogue that was remade from the files alone.
    ///
    /// One row at most, by the table's own constraint.
    package func run() throws(CatalogError) -> RunRecord? {
        try read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM run").map { row in
                RunRecord(
                    name: row["name"], softwareVersion: row["software_version"], experimentYAML: row["experiment"],
                    started: row["started"], ended: row["ended"], failure: row["failure"])
            }
        }
    }

    /// By id.
    ///
    /// Throws `damaged` for a split that this version does not know.
    package func tasks() throws(CatalogError) -> [TaskRecord] {
        try records("SELECT * FROM tasks ORDER BY id") { row in
            TaskRecord(
                id: row["id"], split: try word(row, "split"), json: row["json"],
                optimalReturn: row["optimal_return"], randomReturn: row["random_return"])
        }
    }

    /// By task and repetition.
    ///
    /// Throws `damaged` for a status that this version does not know.
    package func lifetimes() throws(CatalogError) -> [LifetimeRecord] {
        try records("SELECT * FROM lifetimes ORDER BY task, repetition") { row in
            LifetimeRecord(
                task: row["task"], repetition: row["repetition"], status: try word(row, "status"),
                learner: row["learner"], attempt: row["attempt"], started: row["started"], ended: row["ended"],
                episodes: row["episodes"], transitions: row["transitions"],
                transitionsLearnt: row["transitions_learnt"], updates: row["updates"],
                meanPolicyLag: row["mean_policy_lag"], finalReturn: row["final_return"], actors: row["actors"])
        }
    }

    /// In the order of their paths.
    ///
    /// Histories and evaluations together: `evaluations/` comes before `histories/`.
    package func streams() throws(CatalogError) -> [StreamRecord] {
        try records("SELECT * FROM streams ORDER BY path") { row in
            let evaluation: String? = row["evaluation"]
            let lifetime = LifetimeIdentifier(
                collection: evaluation.map { .evaluation($0) } ?? .histories, task: row["task"],
                repetition: row["repetition"])
            return StreamRecord(
                stream: StreamIdentifier(lifetime: lifetime, actor: row["actor"]), rows: row["rows"],
                rollouts: row["rollouts"], isSealed: row["sealed"], integrity: try word(row, "integrity"),
                bytes: row["bytes"], problem: row["problem"])
        }
    }

    /// In the order in which they joined; a node that joined again has a row for each name.
    ///
    /// Nodes that have left are among them, with the reason.
    package func nodes() throws(CatalogError) -> [NodeRecord] {
        try records("SELECT * FROM nodes ORDER BY joined, name") { row in
            NodeRecord(
                name: row["name"], role: row["role"], host: row["host"], process: row["process"],
                endpoint: row["endpoint"], joined: row["joined"], lastSeen: row["last_seen"], left: row["left_at"],
                reason: row["reason"])
        }
    }

    /// Folders of streams that recorders have named, by identity.
    package func recorders() throws(CatalogError) -> [RecorderRecord] {
        try records("SELECT * FROM recorders ORDER BY identity") { row in
            RecorderRecord(identity: row["identity"], host: row["host"], path: row["path"])
        }
    }

    /// Which recorder keeps which lifetime's streams, in the order of their folders.
    package func pins() throws(CatalogError) -> [PinRecord] {
        try records("SELECT * FROM pins ORDER BY folder") { row in
            let evaluation: String? = row["evaluation"]
            return PinRecord(
                lifetime: LifetimeIdentifier(
                    collection: evaluation.map { .evaluation($0) } ?? .histories, task: row["task"],
                    repetition: row["repetition"]), recorder: row["recorder"])
        }
    }

    /// By training step.
    ///
    /// The loss is nil where the catalogue was remade from files.
    package func checkpoints() throws(CatalogError) -> [CheckpointRecord] {
        try records("SELECT * FROM checkpoints ORDER BY step") { row in
            CheckpointRecord(
                name: row["name"], step: row["step"], created: row["created"],
                trainingSeconds: row["training_seconds"], loss: row["loss"])
        }
    }

    /// By evaluation and task, without their returns.
    ///
    /// The coordinator writes jobs that are finished; an index also those whose files are incomplete, as `running`.
    package func evaluations() throws(CatalogError) -> [EvaluationRecord] {
        try records("SELECT * FROM evaluations ORDER BY evaluation, task", evaluation)
    }

    /// The returns of every evaluated task; rows of seeds may differ in length where a job was cut.
    ///
    /// Ordered by evaluation, task, seed and episode. A job without results has no returns.
    ///
    /// Rows are (seeds, episodes) as Float; a seed without episodes before one that has some is an empty row.
    package func evaluationReturns() throws(CatalogError) -> [EvaluationReturns] {
        try read { database in
            let jobs = try Row.fetchAll(database, sql: "SELECT * FROM evaluations ORDER BY evaluation, task")
            let statement = try database.makeStatement(
                sql:
                    "SELECT seed, return FROM evaluation_returns WHERE evaluation = ? AND task = ? ORDER BY seed, episode"
            )
            return try jobs.map { row in
                let job = try evaluation(row)
                var returns: [[Float]] = []
                let rows = try Row.fetchCursor(statement, arguments: [job.evaluation, job.task])
                while let row = try rows.next() {
                    let seed: Int = row[0]
                    let value: Double = row[1]
                    while returns.count <= seed { returns.append([]) }
                    returns[seed].append(Float(value))
                }
                return EvaluationReturns(evaluation: job, returns: returns)
            }
        }
    }

    /// Sorted.
    ///
    /// Each name once, whatever its sources.
    package func metricNames() throws(CatalogError) -> [String] {
        try records("SELECT DISTINCT name FROM metrics ORDER BY name") { $0["name"] }
    }

    /// One metric of all its sources, in the order in which it was written. Empty for a name that was never written; a
    /// value that was not a number is NaN.
    ///
    /// Records of all nodes; `source` tells them apart.
    package func metrics(named name: String) throws(CatalogError) -> [MetricRecord] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM metrics WHERE name = ? ORDER BY rowid", arguments: [name])
                .map { row in
                    let value: Double? = row["value"]
                    return MetricRecord(
                        time: row["time"], source: row["source"], name: name, step: row["step"], value: value ?? .nan)
                }
        }
    }

    /// One statement, one snapshot; all rows in memory.
    private func records<Record>(_ sql: String, _ make: (Row) throws -> Record) throws(CatalogError) -> [Record] {
        try read { database in try Row.fetchAll(database, sql: sql).map(make) }
    }

    /// Reads the columns of one row of `evaluations`.
    private func evaluation(_ row: Row) throws -> EvaluationRecord {
        EvaluationRecord(
            evaluation: row["evaluation"], task: row["task"], checkpoint: row["checkpoint"],
            split: try word(row, "split"), kind: EvaluationKind(rawValue: row["kind"]),
            status: try word(row, "status"),
            seeds: row["seeds"], episodes: row["episodes"], ended: row["ended"])
    }

    /// A word of a fixed list. Throws `damaged` for any other, which a damaged or foreign catalogue may have.
    ///
    /// Enumerations are kept as words, so that a person can read the file with any SQLite client.
    private func word<Value: RawRepresentable & CaseIterable>(_ row: Row, _ column: String) throws -> Value
    where Value.RawValue == String {
        let text: String = row[column]
        guard let value = Value(rawValue: text) else {
            let accepted = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw CatalogError(.damaged, path, "column \(column) has '\(text)', expected one of \(accepted)")
        }
        return value
    }
}
