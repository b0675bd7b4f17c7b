package import Experience

// Rollouts that a test makes up, or changes, column by column. All of it copies.

extension RolloutBatch {
    /// Columns as they are written down in a test.
    package init(
        lifetime: LifetimeIdentifier, headers: [RolloutHeader], observations: [UInt8], actions: [UInt8],
        rewards: [Float], terminations: [UInt8], truncations: [UInt8], finalObservations: [UInt8]
    ) {
        self.init(
            lifetime: lifetime, headers: headers,
            bytes: RolloutBytes([
                .observations: observations, .actions: actions, .rewards: rewards.withUnsafeBytes { Array($0) },
                .terminations: terminations, .truncations: truncations, .finalObservations: finalObservations,
            ]))
    }

    package subscript(column: RolloutColumn) -> [UInt8] {
        get { bytes.withUnsafeColumns { Array($0[column.rawValue]) } }
        set {
            var columns = Dictionary(uniqueKeysWithValues: RolloutColumn.allCases.map { ($0, self[$0]) })
            columns[column] = newValue
            bytes = RolloutBytes(columns)
        }
    }

    package var observations: [UInt8] {
        get { self[.observations] }
        set { self[.observations] = newValue }
    }

    package var actions: [UInt8] {
        get { self[.actions] }
        set { self[.actions] = newValue }
    }

    package var rewards: [Float] {
        get {
            self[.rewards].withUnsafeBytes { bytes in
                (0..<(bytes.count / 4)).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
            }
        }
        set { self[.rewards] = newValue.withUnsafeBytes { Array($0) } }
    }

    package var terminations: [UInt8] {
        get { self[.terminations] }
        set { self[.terminations] = newValue }
    }

    package var truncations: [UInt8] {
        get { self[.truncations] }
        set { self[.truncations] = newValue }
    }

    package var finalObservations: [UInt8] {
        get { self[.finalObservations] }
        set { self[.finalObservations] = newValue }
    }
}

extension RolloutLayout {
    /// Elements of so many bytes, each of any value.
    package init(observationBytes: Int, actionBytes: Int) {
        self.init(
            observation: .box(shape: [observationBytes], type: .uint8, low: 0, high: 255),
            action: .box(shape: [actionBytes], type: .uint8, low: 0, high: 255))
    }
}
