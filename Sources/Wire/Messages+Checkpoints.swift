/// A part of a checkpoint's file on its way, in either direction.
package struct CheckpointPiece: Sendable, Equatable {
    /// `step-00020000`
    package var checkpoint: String
    /// `model.safetensors`
    package var file: String
    package var offset: UInt64
    /// Bytes of the whole file.
    package var size: UInt64
    /// CRC-32C of the content.
    package var checksum: UInt32
    package var content: [UInt8]
    /// The last piece of the checkpoint's last file.
    package var last: Bool

    package init(
        checkpoint: String, file: String, offset: UInt64, size: UInt64, checksum: UInt32, content: [UInt8], last: Bool
    ) {
        self.checkpoint = checkpoint
        self.file = file
        self.offset = offset
        self.size = size
        self.checksum = checksum
        self.content = content
        self.last = last
    }
}

package struct CheckpointRequest: Sendable, Equatable {
    package var checkpoint: String
    package var file: String
    package var offset: UInt64

    package init(checkpoint: String, file: String, offset: UInt64) {
        self.checkpoint = checkpoint
        self.file = file
        self.offset = offset
    }
}

package struct DistillationFinished: Sendable, Equatable {
    package var checkpoint: String
    package var numbers: [String: Double]

    package init(checkpoint: String, numbers: [String: Double]) {
        self.checkpoint = checkpoint
        self.numbers = numbers
    }
}

/// One task with all its seeds, leased to an evaluator.
package struct EvaluationJob: Sendable, Equatable {
    package var job: UInt64
    /// Name of the evaluation: the folder of its streams.
    package var evaluation: String
    package var checkpoint: String
    package var task: Int
    package var seeds: Int
    package var episodes: Int
    /// The control: forget everything at the start of every episode.
    package var clearContext: Bool
    package var temperature: Double
    /// Empty: the streams are not recorded.
    package var recorderEndpoint: String
    package var incarnation: UInt64
    /// Shows the recorder that the streams are leased to this evaluator.
    package var recorderTicket: [UInt8]

    package init(
        job: UInt64, evaluation: String, checkpoint: String, task: Int, seeds: Int, episodes: Int, clearContext: Bool,
        temperature: Double, recorderEndpoint: String, incarnation: UInt64, recorderTicket: [UInt8] = []
    ) {
        self.job = job
        self.evaluation = evaluation
        self.checkpoint = checkpoint
        self.task = task
        self.seeds = seeds
        self.episodes = episodes
        self.clearContext = clearContext
        self.temperature = temperature
        self.recorderEndpoint = recorderEndpoint
        self.incarnation = incarnation
        self.recorderTicket = recorderTicket
    }
}

package struct EvaluationResult: Sendable, Equatable {
    package var job: UInt64
    /// (seeds, episodes)
    package var returns: [Float]

    package init(job: UInt64, returns: [Float]) {
        self.job = job
        self.returns = returns
    }
}
