import Experience
import TestSupport
import Testing

@Suite("Rollouts from outside") struct CheckedRolloutsTests {
    /// A room of 9 x 9.
    private let layout = RolloutLayout(observation: .multiDiscrete(counts: [9, 9]), action: .discrete(count: 5))

    /// Two rollouts, three and one rows.
    private var good: RolloutBatch {
        var batch = RolloutBatch(
            lifetime: LifetimeIdentifier(task: 42, repetition: 3),
            headers: [
                RolloutHeader(
                    actor: 5, incarnation: 1, sequence: 7, policyVersion: 3, firstEpisode: 7, length: 3,
                    finishedEpisodes: 1, checksum: 0, isLast: false),
                RolloutHeader(
                    actor: 6, incarnation: 1, sequence: 7, policyVersion: 3, firstEpisode: 7, length: 1,
                    finishedEpisodes: 0, checksum: 0, isLast: true),
            ],
            observations: [4, 4, 4, 5, 4, 6, 0, 8], actions: [0, 3, 4, 1], rewards: [0, 1, 0, 0.5],
            terminations: [0, 0, 0, 0], truncations: [0, 0, 1, 0], finalObservations: [4, 7])
        batch.seal(layout)
        return batch
    }

    /// `isSealed`: it is refused though its checksums hold, for what it says.
    private func expectRefused(
        isSealed: Bool = true, sourceLocation: SourceLocation = #_sourceLocation,
        _ change: (inout RolloutBatch) -> Void
    ) {
        var batch = good
        change(&batch)
        if isSealed { batch.seal(layout) }
        #expect(throws: RolloutError.self, sourceLocation: sourceLocation) {
            try batch.checked(against: layout, actors: 10)
        }
    }

    @Test("that are sound are lent one by one with their rows") func sound() throws {
        var lent: [[UInt8]] = []
        try good.checked(against: layout, actors: 10).forEach { rollout in
            lent.append(Array(rollout.rows[.observations]) + Array(rollout.rows[.finalObservations]))
            #expect(rollout.rows.checksum == rollout.header.checksum)
            #expect(rollout.rows.endsEpisode == (rollout.header.actor == 5))
        }
        #expect(lent == [[4, 4, 4, 5, 4, 6, 4, 7], [0, 8]])
    }

    @Test("and do not fit their environment are refused") func unfit() {
        expectRefused { $0.actions[0] = 5 }
        expectRefused { $0.observations[0] = 9 }
        expectRefused { $0.finalObservations[1] = 9 }
        for reward in [Float.nan, .infinity, -.infinity] { expectRefused { $0.rewards[1] = reward } }
        expectRefused { $0.truncations[0] = 2 }
        expectRefused { $0.truncations[0] = 1 }
        expectRefused { $0.headers[0].actor = 10 }
        expectRefused { $0.headers[1].length = 0 }
    }

    @Test("and whose columns do not have the sizes that the headers say are refused") func sizes() {
        expectRefused { $0.observations.removeLast() }
        expectRefused { $0.finalObservations = [] }
        expectRefused { $0.headers[0].finishedEpisodes = 2 }
        expectRefused(isSealed: false) { $0.headers[0].finishedEpisodes = .max / 2 }
        for column in RolloutColumn.allCases { expectRefused { $0[column] += [0] } }
    }

    @Test("and that are not what was sent are refused") func altered() {
        expectRefused(isSealed: false) { $0.headers[0].checksum ^= 1 }
        expectRefused(isSealed: false) { $0.rewards[1] = 2 }
        expectRefused(isSealed: false) { $0.observations[7] = 0 }
    }

    @Test("are checked element by element in spaces whose components differ") func components() {
        let space = Space.multiDiscrete(counts: [3, 200])
        func outside(_ bytes: [UInt8]) -> Int? { bytes.withUnsafeBytes { space.firstOutside($0) } }
        #expect(outside([2, 199, 0, 7]) == nil)
        #expect(outside([2, 199, 3, 7]) == 1)
        #expect(outside([2, 200]) == 0)
        #expect(outside([]) == nil)
    }

    @Test("have one column after the other, in the order of the stream file and of the checksum") func order() {
        #expect(
            RolloutColumn.allCases.map(\.name) == [
                "observations", "actions", "rewards", "terminations", "truncations", "final_observations",
            ])
        var crc = CRC32C()
        let bytes = good
        for column in RolloutColumn.allCases {
            let width = layout.width(of: column)
            let first = column.isOfEpisodes ? 1 * width : 3 * width
            bytes[column].prefix(first).withUnsafeBytes { crc.update($0) }
        }
        #expect(crc.value == bytes.headers[0].checksum)
    }
}
