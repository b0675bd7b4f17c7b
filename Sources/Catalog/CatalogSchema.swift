import GRDB

/// The tables of catalog.sqlite. Only ever add a migration; never change one that was released.
///
/// Times are REAL, seconds since 1970; flags are 0 or 1; everything is STRICT, so that a wrong type is an error at
/// once. Records are replaced by primary key, except in `metrics`, which has none.
enum CatalogSchema {
    /// In the order in which they were released; the names are kept in the file.
    ///
    /// GRDB notes each applied migration's name in the file, in `grdb_migrations`; a name that this list does not have
    /// means a newer version. Each migration is one transaction.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: runs, histories, evaluations, metrics") { try $0.execute(sql: first) }
        migrator.registerMigration("2: why a stream is damaged") {
            try $0.execute(sql: "ALTER TABLE streams ADD COLUMN problem TEXT")
        }
        migrator.registerMigration("3: actors of a lifetime") {
            try $0.execute(sql: "ALTER TABLE lifetimes ADD COLUMN actors INTEGER")
        }
        migrator.registerMigration("4: evaluations of any policy") { try $0.execute(sql: anyPolicy) }
        migrator.registerMigration("5: which recorder keeps which streams") { try $0.execute(sql: recorders) }
        return migrator
    }

    /// `evaluations` anew, with any kind, and without a checkpoint where a policy needs none. SQLite cannot take a
    /// constraint back otherwise; the rows of `evaluation_returns` go on referring to the table of this name.
    private static let anyPolicy = """
        CREATE TABLE evaluations_of_any_policy (
            evaluation TEXT NOT NULL,
            task INTEGER NOT NULL,
            checkpoint TEXT,
            split TEXT NOT NULL CHECK (split IN ('train', 'test')),
            kind TEXT NOT NULL,
            status TEXT NOT NULL,
            seeds INTEGER NOT NULL,
            episodes INTEGER NOT NULL,
            worker TEXT,
            started REAL,
            ended REAL,
            PRIMARY KEY (evaluation, task)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO evaluations_of_any_policy
            SELECT evaluation, task, checkpoint, split, kind, status, seeds, episodes, worker, started, ended
            FROM evaluations;
        DROP TABLE evaluations;
        ALTER TABLE evaluations_of_any_policy RENAME TO evaluations;
        """

    /// `pins`: of the lifetime whose streams lie at `folder` below the run. A recorder is known by the identity of its
    /// folder; the empty one is that of the run's own.
    private static let recorders = """
        CREATE TABLE recorders (
            identity TEXT PRIMARY KEY,
            host TEXT NOT NULL,
            path TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE pins (
            folder TEXT PRIMARY KEY,
            evaluation TEXT,
            task INTEGER NOT NULL,
            repetition INTEGER NOT NULL,
            recorder TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        """

    /// The tables of the first release. `run` has one row at most, `metrics` rows in the order of writing, all others a
    /// primary key.
    private static let first = """
        CREATE TABLE run (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            name TEXT NOT NULL,
            software_version TEXT NOT NULL,
            experiment TEXT NOT NULL,
            started REAL NOT NULL,
            ended REAL,
            failure TEXT
        ) STRICT;
        CREATE TABLE tasks (
            id INTEGER PRIMARY KEY,
            split TEXT NOT NULL CHECK (split IN ('train', 'test')),
            json TEXT NOT NULL,
            optimal_return REAL,
            random_return REAL
        ) STRICT;
        CREATE TABLE lifetimes (
            task INTEGER NOT NULL,
            repetition INTEGER NOT NULL,
            status TEXT NOT NULL,
            learner TEXT,
            attempt INTEGER NOT NULL,
            started REAL,
            ended REAL,
            episodes INTEGER,
            transitions INTEGER,
            transitions_learnt INTEGER,
            updates INTEGER,
            mean_policy_lag REAL,
            final_return REAL,
            PRIMARY KEY (task, repetition)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE streams (
            path TEXT PRIMARY KEY,
            evaluation TEXT,
            task INTEGER NOT NULL,
            repetition INTEGER NOT NULL,
            actor INTEGER NOT NULL,
            rows INTEGER NOT NULL,
            rollouts INTEGER NOT NULL,
            sealed INTEGER NOT NULL CHECK (sealed IN (0, 1)),
            integrity TEXT NOT NULL,
            bytes INTEGER
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE nodes (
            name TEXT PRIMARY KEY,
            role TEXT NOT NULL,
            host TEXT NOT NULL,
            process INTEGER NOT NULL,
            endpoint TEXT NOT NULL,
            joined REAL NOT NULL,
            last_seen REAL NOT NULL,
            left_at REAL,
            reason TEXT
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE checkpoints (
            name TEXT PRIMARY KEY,
            step INTEGER NOT NULL,
            created REAL NOT NULL,
            training_seconds REAL,
            loss REAL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE evaluations (
            evaluation TEXT NOT NULL,
            task INTEGER NOT NULL,
            checkpoint TEXT NOT NULL,
            split TEXT NOT NULL CHECK (split IN ('train', 'test')),
            kind TEXT NOT NULL CHECK (kind IN ('in-context', 'control')),
            status TEXT NOT NULL,
            seeds INTEGER NOT NULL,
            episodes INTEGER NOT NULL,
            worker TEXT,
            started REAL,
            ended REAL,
            PRIMARY KEY (evaluation, task)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE evaluation_returns (
            evaluation TEXT NOT NULL,
            task INTEGER NOT NULL,
            seed INTEGER NOT NULL,
            episode INTEGER NOT NULL,
            return REAL NOT NULL,
            PRIMARY KEY (evaluation, task, seed, episode),
            FOREIGN KEY (evaluation, task) REFERENCES evaluations (evaluation, task) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE metrics (
            time REAL NOT NULL,
            source TEXT NOT NULL,
            name TEXT NOT NULL,
            step INTEGER NOT NULL,
            value REAL
        ) STRICT;
        CREATE INDEX metrics_by_name ON metrics (name, source, step);
        """
}
