import Environments
import Experience
import GRDB

extension Ledger {
    /// Writes the run's one row, replacing what it was.
    ///
    /// Survives a loss of power.
    ///
    /// Called when a run begins, when it ends and when it fails.
    package func save(_ run: RunRecord) throws(CatalogError) {
        try write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO run VALUES (1, ?, ?, ?, ?, ?, ?)",
                arguments: [
                    run.name, run.softwareVersion, run.experimentYAML, run.started, run.ended, run.failure,
                ])
        }
    }

    /// Writes all of a batch, or nothing: one transaction.
    ///
    /// Batches are what the coordinator writes once a turn, before it sends the messages that tell of it; hence the
    /// default.
    package func save(_ batch: LedgerBatch, surviving: Survival = .lossOfPower) throws(CatalogError) {
        try write(surviving: surviving) { database in
            if !batch.tasks.isEmpty { try database.save(batch.tasks) }
            if !batch.lifetimes.isEmpty { try database.save(batch.lifetimes) }
            if !batch.streams.isEmpty { try database.save(batch.streams) }
            if !batch.nodes.isEmpty { try database.save(batch.nodes) }
            if !batch.metrics.isEmpty { try database.append(batch.metrics) }
            for checkpoint in batch.checkpoints { try database.save(checkpoint) }
            for result in batch.results { try database.save(result) }
            for recorder in batch.recorders { try database.save(recorder) }
            for pin in batch.pins { try database.save(pin) }
        }
    }

    /// Replaces all that can be known from stream files alone: tasks, lifetimes, streams, evaluations, in one
    /// transaction.
    ///
    /// Checkpoints, nodes, metrics, pins to recorders and the run's row stay, and so does what no file tells of a lifetime: its learner,
    /// what was learnt, the policy lag. Of two attempts the higher is kept. Call it only while no coordinator is at
    /// work on the run.
    ///
    /// Of a lifetime none of whose files could be read its attempt is kept, and nothing else: it is lived again.
    package func replaceIndex(_ index: HistoriesIndex) throws(CatalogError) {
        var known = Dictionary(try lifetimes().map { ([$0.task, $0.repetition], $0) }) { first, _ in first }
        let found = index.lifetimes.map { found in
            known.removeValue(forKey: [found.task, found.repetition]).map { found.completed(from: $0) } ?? found
        }
        let lifetimes = found + known.values.map { LifetimeRecord(withoutFiles: $0) }
        try write { database in
            for table in ["evaluation_returns", "evaluations", "streams", "lifetimes", "tasks"] {
                try database.execute(sql: "DELETE FROM \(table)")
            }
            try database.save(index.tasks)
            try database.save(lifetimes)
            try database.save(index.streams)
            for result in index.evaluations { try database.save(result) }
        }
    }
}

extension LifetimeRecord {
    /// What stays true where the files are gone.
    fileprivate init(withoutFiles known: LifetimeRecord) {
        self.init(
            task: known.task, repetition: known.repetition, status: .queued, attempt: known.attempt,
            actors: known.actors)
    }

    /// With what only the coordinator knew. An attempt is never given out twice: the higher one counts.
    ///
    /// Numbers that files tell (episodes, transitions, updates) are the files' own.
    fileprivate func completed(from known: LifetimeRecord) -> LifetimeRecord {
        var record = self
        record.attempt = max(attempt, known.attempt)
        record.actors = [actors, known.actors].compactMap(\.self).max()
        record.learner = known.learner
        record.transitionsLearnt = known.transitionsLearnt
        record.meanPolicyLag = known.meanPolicyLag
        return record
    }
}

extension Database {
    /// By id; all in the caller's transaction, as the functions below.
    fileprivate func save(_ tasks: [TaskRecord]) throws {
        let statement = try makeStatement(sql: "INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?, ?)")
        for task in tasks {
            try statement.execute(arguments: [
                task.id, task.split.rawValue, task.json, task.optimalReturn, task.randomReturn,
            ])
        }
    }

    /// By task and repetition, every column: a field that is nil replaces a number that was there.
    fileprivate func save(_ lifetimes: [LifetimeRecord]) throws {
        let statement = try makeStatement(
            sql: "INSERT OR REPLACE INTO lifetimes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        for lifetime in lifetimes {
            try statement.execute(arguments: [
                lifetime.task, lifetime.repetition, lifetime.status.rawValue, lifetime.learner, lifetime.attempt,
                lifetime.started, lifetime.ended, lifetime.episodes, lifetime.transitions,
                lifetime.transitionsLearnt, lifetime.updates, lifetime.meanPolicyLag, lifetime.finalReturn,
                lifetime.actors,
            ])
        }
    }

    /// By path. The collection is kept as the evaluation's name, NULL for histories.
    fileprivate func save(_ streams: [StreamRecord]) throws {
        let statement = try makeStatement(
            sql: "INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        for record in streams {
            let lifetime = record.stream.lifetime
            var evaluation: String?
            if case .evaluation(let name) = lifetime.collection { evaluation = name }
            try statement.execute(arguments: [
                record.path, evaluation, lifetime.task, lifetime.repetition, record.stream.actor, record.rows,
                record.rollouts, record.isSealed, record.integrity.rawValue, record.bytes,
                record.problem,
            ])
        }
    }

    /// By name; a process that joins again under another name gets a row of its own.
    fileprivate func save(_ nodes: [NodeRecord]) throws {
        let statement = try makeStatement(sql: "INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        for node in nodes {
            try statement.execute(arguments: [
                node.name, node.role, node.host, node.process, node.endpoint, node.joined, node.lastSeen, node.left,
                node.reason,
            ])
        }
    }

    /// Adds rows; the order of `rowid` is the order of writing.
    fileprivate func append(_ metrics: [MetricRecord]) throws {
        let statement = try makeStatement(sql: "INSERT INTO metrics VALUES (?, ?, ?, ?, ?)")
        for metric in metrics {
            // SQLite stores NaN as NULL; a reader gives NaN back.
            try statement.execute(arguments: [metric.time, metric.source, metric.name, metric.step, metric.value])
        }
    }

    fileprivate func save(_ checkpoint: CheckpointRecord) throws {
        try execute(
            sql: "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?)",
            arguments: [
                checkpoint.name, checkpoint.step, checkpoint.created, checkpoint.trainingSeconds, checkpoint.loss,
            ])
    }

    fileprivate func save(_ recorder: RecorderRecord) throws {
        try execute(
            sql: "INSERT OR REPLACE INTO recorders VALUES (?, ?, ?)",
            arguments: [recorder.identity, recorder.host, recorder.path])
    }

    fileprivate func save(_ pin: PinRecord) throws {
        var evaluation: String?
        if case .evaluation(let name) = pin.lifetime.collection { evaluation = name }
        try execute(
            sql: "INSERT OR REPLACE INTO pins VALUES (?, ?, ?, ?, ?)",
            arguments: [
                pin.lifetime.folder, evaluation, pin.lifetime.task, pin.lifetime.repetition, pin.recorder,
            ])
    }

    /// In place of what was known of the task: its returns go with its row.
    ///
    /// The returns' foreign key deletes them with the row, so that no return of an earlier attempt is left.
    fileprivate func save(_ result: EvaluationReturns) throws {
        let job = result.evaluation
        try execute(
            sql: """
                INSERT OR REPLACE INTO evaluations
                    (evaluation, task, checkpoint, split, kind, status, seeds, episodes, ended)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                job.evaluation, job.task, job.checkpoint, job.split.rawValue, job.kind.rawValue, job.status.rawValue,
                job.seeds, job.episodes, job.ended,
            ])
        let statement = try makeStatement(sql: "INSERT INTO evaluation_returns VALUES (?, ?, ?, ?, ?)")
        for (seed, returns) in result.returns.enumerated() {
            for (episode, value) in returns.enumerated() {
                try statement.execute(arguments: [job.evaluation, job.task, seed, episode, Double(value)])
            }
        }
    }
}
