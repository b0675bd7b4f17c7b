/// What a random number is for; numbers of different purposes never meet under one key. The raw values are part of
/// every recorded run: one that changes makes a run under the same seed another run.
package enum RandomPurpose: UInt32, Sendable {
    /// 0: what environments draw at a reset or a step. 1: the choice of actions. 2: first parameters of networks. 3:
    /// which tasks are held out. 4: which windows a training batch takes. 5: which tokens are masked. 6: dropout. 7:
    /// everything else, under keys of its own.
    case environment = 0, policy = 1, initialisation = 2, split = 3, windows = 4, masking = 5, dropout = 6, other = 7
}

/// The key under which all random numbers of one stream are drawn: the environment's of this actor and its policy's.
///
/// Which process carries the stream, how many others there are and how often it died are no part of it; that is why a
/// stream can be replayed, and lived again, anywhere.
package struct StreamKey: Hashable, Sendable {
    /// Histories and each evaluation have keys apart.
    package let collection: StreamCollection
    /// The experiment's, the same for all of its streams.
    package let seed: UInt64
    /// Id of the task.
    package let task: Int
    /// Number of the lifetime on its task, from 0; 0 in an evaluation.
    package let repetition: Int
    /// Number of the actor in its lifetime, or of the seed in an evaluation.
    package let actor: Int

    package init(collection: StreamCollection = .histories, seed: UInt64, task: Int, repetition: Int, actor: Int) {
        self.collection = collection
        self.seed = seed
        self.task = task
        self.repetition = repetition
        self.actor = actor
    }

    /// `seed`: the experiment's.
    package init(seed: UInt64, stream: StreamIdentifier) {
        self.init(
            collection: stream.lifetime.collection, seed: seed, task: stream.lifetime.task,
            repetition: stream.lifetime.repetition, actor: stream.actor)
    }
}

/// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a counter-based generator. A
/// number depends on its key and its counter alone, so it is the same wherever and whenever it is drawn.
///
/// It holds its key and nothing that moves on: drawing changes nothing, and any thread may draw. Not for secrets.
package struct Philox: Sendable {
    /// The low half of the 64 bits.
    private let key0: UInt32
    /// The high half.
    private let key1: UInt32

    /// A raw key; `init(_ key: StreamKey)` is what streams use.
    ///
    /// For generators that belong to no stream, such as a bootstrap's.
    package init(key0: UInt32, key1: UInt32) {
        self.key0 = key0
        self.key1 = key1
    }

    /// Philox has 64 key bits: seed, task, repetition and actor are mixed into them by Philox itself, and so is the
    /// name of an evaluation. Without that its n-th seed would draw what the n-th actor that learnt on the task drew.
    package init(_ key: StreamKey) {
        let mixed = Philox(key0: UInt32(truncatingIfNeeded: key.seed), key1: UInt32(truncatingIfNeeded: key.seed >> 32))
            .block(
                UInt32(truncatingIfNeeded: key.task), UInt32(truncatingIfNeeded: key.repetition),
                UInt32(truncatingIfNeeded: key.actor), 0x4449_5354)
        self.init(key0: mixed.x, key1: mixed.y)
        guard case .evaluation(let name) = key.collection else { return }
        let hash = Philox.hash(name)
        let apart = block(
            UInt32(truncatingIfNeeded: hash), UInt32(truncatingIfNeeded: hash >> 32), 0, 0x4556_414C)
        self.init(key0: apart.x, key1: apart.y)
    }

    /// FNV-1a of the name's bytes: the same in every process, as Swift's own hashes are not.
    ///
    /// 64 bits: that two evaluations of a run have the same is as unlikely as a guess.
    private static func hash(_ name: String) -> UInt64 {
        name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    /// Four words for the counter (c0, c1, c2, c3).
    ///
    /// Ten rounds, as in the paper; the constants are the paper's.
    @inline(__always)
    package func block(_ c0: UInt32, _ c1: UInt32, _ c2: UInt32, _ c3: UInt32) -> SIMD4<UInt32> {
        var counter = SIMD4(c0, c1, c2, c3)
        var k0 = key0
        var k1 = key1
        for _ in 0..<10 {
            let first = UInt64(0xD251_1F53) * UInt64(counter.x)
            let second = UInt64(0xCD9E_8D57) * UInt64(counter.z)
            counter = SIMD4(
                UInt32(truncatingIfNeeded: second >> 32) ^ counter.y ^ k0, UInt32(truncatingIfNeeded: second),
                UInt32(truncatingIfNeeded: first >> 32) ^ counter.w ^ k1, UInt32(truncatingIfNeeded: first))
            k0 = k0 &+ 0x9E37_79B9
            k1 = k1 &+ 0xBB67_AE85
        }
        return counter
    }

    /// Four words for (purpose, episode, step, lane). The episode's upper half shares a word with the lane, which
    /// stays below 256.
    ///
    /// Different arguments give independent words. `lane` separates several draws of one step.
    @inline(__always)
    package func words(_ purpose: RandomPurpose, episode: UInt64, step: UInt32, lane: UInt32 = 0) -> SIMD4<UInt32> {
        block(
            purpose.rawValue | (lane << 8), UInt32(truncatingIfNeeded: episode),
            UInt32(truncatingIfNeeded: episode >> 32), step)
    }

    /// One number in [0, 1) for (purpose, episode, step, lane).
    ///
    /// 2^24 different values; 0 can come, 1 cannot.
    @inline(__always)
    package func uniform(_ purpose: RandomPurpose, episode: UInt64, step: UInt32, lane: UInt32 = 0) -> Float {
        Philox.unit(words(purpose, episode: episode, step: step, lane: lane).x)
    }

    /// The upper 24 bits of `word` as a number in [0, 1).
    ///
    /// Exact: no rounding is involved.
    @inline(__always)
    package static func unit(_ word: UInt32) -> Float { Float(word >> 8) * 0x1p-24 }
}

/// A sequence of words under one key and purpose, for shuffles and initialisation, where there is no episode or step to
/// count by. It starts at the beginning each time one is made; a copy goes on from where the original was.
package struct PhiloxSequence: RandomNumberGenerator, Sendable {
    private let generator: Philox
    /// What the sequence is for; other purposes under the same key do not meet it.
    private let purpose: RandomPurpose
    /// Calls so far.
    private var position: UInt64 = 0

    package init(_ generator: Philox, purpose: RandomPurpose) {
        self.generator = generator
        self.purpose = purpose
    }

    /// The counter's first two words of four; the episode counts the calls.
    package mutating func next() -> UInt64 {
        let words = generator.words(purpose, episode: position, step: 0)
        position += 1
        return UInt64(words.x) | (UInt64(words.y) << 32)
    }
}
