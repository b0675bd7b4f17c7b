import Experience
package import Neural
package import Settings

/// A kind of sequence model: what a registry holds and an experiment names.
///
/// A new kind is a folder beside `Transformer/` and a line in `Registry.swift`. It brings, in the order in which they
/// are best written: settings; a `ParameterLayout`; a `TrainingPass`, whose gradients `GradientCheck` of
/// the tests compares with differences of the loss; a `ModelContext`, whose logits must be those of the pass for the same transitions; and,
/// where observations are not integers, an `ObservationEncoder`. Windows, optimiser, checkpoints, `predict` and
/// evaluation are there already. `Tests/Toys/ToyModel.swift` is one in a single file.
package protocol SequenceModelKind: SendableMetatype {
    associatedtype Settings: SequenceModelSettings

    /// In experiments and as `model.name` in a checkpoint's configuration, for example "transformer".
    static var name: String { get }

    /// One sentence for people: what it is, and what of the past it sees.
    static var summary: String { get }

    /// Names, shapes and places of the parameters, without taking memory for them: a checkpoint's file is compared with
    /// it before its dimensions are believed. Throws `SettingsError` for settings or spaces that no such model can
    /// have.
    static func parameterLayout(_ settings: Settings, _ spaces: ModelSpaces) throws -> ParameterLayout

    /// Floating-point operations of the forward pass over one full window, with logits for every transition; what plans
    /// and benchmarks divide by a machine's speed.
    static func forwardOperations(_ settings: Settings, _ spaces: ModelSpaces) throws -> Double

    /// An untrained model whose parameters are drawn from `seed`, or all zero without one, to be read from a file.
    /// Throws as `parameterLayout` does.
    static func make(_ settings: Settings, _ spaces: ModelSpaces, seed: UInt64?) throws -> any SequenceModel
}

/// The dimensions of a kind of model: what a checkpoint's configuration holds of it, word for word.
package protocol SequenceModelSettings: SettingsGroup {
    /// Transitions of a window, c; windows of training have it, and `predict` looks so far back.
    var contextLength: Int { get }

    /// How many steps of the model's sequence a transition is; the throughput of training is counted in tokens.
    var tokensPerTransition: Int { get }
}

extension SequenceModelSettings {
    package var tokensPerTransition: Int { 1 }
    /// Tokens of a full window.
    package var tokens: Int { contextLength * tokensPerTransition }
}

/// A model that predicts the action of every transition of a window from what came before it: one flat buffer of
/// parameters, and what makes the things that compute with them.
///
/// Training works on whole windows in a `TrainingPass` for each of its threads; acting goes on transition by transition
/// in a `ModelContext`. Training and evaluation know a model by these protocols alone.
package protocol SequenceModel: AnyObject {
    /// Its kind and settings, as a checkpoint's configuration names them.
    var choice: ModelChoice { get }

    /// How windows are laid out for it.
    var form: WindowForm { get }

    /// Names, shapes and places in `parameters`: what a checkpoint's file has.
    var parameterLayout: ParameterLayout { get }

    /// What the optimiser changes, laid out as `parameterLayout` says. It may change only while no pass, inference or
    /// encoder computes; contexts and inferences that exist then have to be made anew.
    var parameters: FloatBuffer { get }

    /// Windows that a pass takes at a time with the most profit: enough rows to keep its products efficient, few enough
    /// that what it keeps for its backward pass stays in a second-level cache.
    var preferredWindows: Int { get }

    /// A pass for each of so many worker threads, each for at most `windows` windows at a time. `seed`: of dropout.
    func makePasses(workers: Int, windows: Int, seed: UInt64) -> [any TrainingPass]

    /// Empty contexts of so many copies, for one thread. Throws `SettingsError` for more than memory should hold.
    ///
    /// - Parameter slide: how many of the oldest transitions leave a context that is full, at least 1 and at most half of
    ///   it. A model without a bound to what it remembers has no use for it.
    func makeContext(copies: Int, slide: Int) throws -> any ModelContext

    /// Frozen weights over whole windows, at most `windows` at a time, for one thread.
    func makeInference(windows: Int) -> any WindowInference

    /// The stage before the passes, for at most `observations` observations at a time; nil where the windows' form has
    /// integers, which every pass embeds by itself.
    /// `seed`: of dropout in training; nil for frozen parameters, which need less memory.
    func makeEncoder(observations: Int, pool: WorkerPool, seed: UInt64?) -> (any ObservationEncoder)?
}

extension SequenceModel {
    /// Transitions of a window, c.
    package var contextLength: Int { form.length }
    package var spaces: ModelSpaces { form.spaces }

    package func makeInference(windows: Int) -> any WindowInference { PassInference(self, windows: windows) }

    package func makeEncoder(observations: Int, pool: WorkerPool, seed: UInt64?) -> (any ObservationEncoder)? { nil }
}

/// One worker's way through the model, forward and backward, in memory of its own that is allocated once.
package protocol TrainingPass: AnyObject {
    /// This worker's share of what follows from the parameters and all workers read, such as weights in another order.
    /// Every worker calls it once in a step; no forward pass begins before all have returned.
    func prepare()

    /// The logits of windows `windows` of the batch, (windows, c, A), in the pass' own memory until its next call. With
    /// `step` there is dropout: that of these windows, by their numbers in the batch, in optimiser step `step`.
    func forward(_ batch: WindowBatch, windows: Range<Int>, step: Int?) -> UnsafeMutablePointer<Float>

    /// Adds to `gradients`, laid out as the parameters, what the logits that `forward` has just returned ask for; their
    /// gradient stands in their place by now. Where there is an encoder, the gradient of its vectors is written to the
    /// same windows of `batch.vectorGradients`. Precondition: the arguments are those of `forward`.
    func backward(
        _ batch: WindowBatch, windows: Range<Int>, step: Int?, into gradients: UnsafeMutablePointer<Float>)
}

/// What a model remembers of the past of B copies that act: the last c transitions and a cache, or a recurrent state.
/// One thread calls it; `observe` and `complete` take turns.
package protocol ModelContext: AnyObject {
    /// Called again and again while `observe` is at work.
    var onProgress: (() -> Void)? { get set }

    /// Forgets all that copy number `copy` has lived through. Not between `observe` and `complete`.
    func clear(_ copy: Int)

    /// Takes an observation of every copy, (B, bytes) as their space stores them, and gives the logits of what to do,
    /// (B, A). Precondition: observations lie in their space.
    func observe(_ observations: UnsafeRawPointer, logits: UnsafeMutablePointer<Float>)

    /// Completes the transitions that the last `observe` began, with (B) actions and (B) rewards. The actions may be
    /// others than the logits suggest: so a prompt is fed, transition by transition.
    func complete(actions: UnsafePointer<Int32>, rewards: UnsafePointer<Float>)
}

/// A model with frozen weights that looks at whole windows, as `predict` does: it needs one row's logits of each window
/// and no gradients, so it may skip what a training pass cannot. One thread calls it.
package protocol WindowInference: AnyObject {
    /// Logits (windows, A) of the last of the first `length` rows of each of the batch's first `windows` windows. Where
    /// the model has an encoder, `batch.vectors` are what it made of the observations.
    func lastLogits(
        _ batch: WindowBatch, windows: Int, length: Int, into logits: UnsafeMutablePointer<Float>)
}

/// A context that can say what its copies' last decision attended to.
package protocol AttentionSource: AnyObject {
    /// The weights of every head over the tokens in the context of copy number `copy`, block by block; empty where
    /// nothing is complete yet. Computed when asked for, without touching the context.
    func attention(of copy: Int) -> [AttentionMap]
}

/// The weights of one attention head over one context.
package struct AttentionMap: Sendable, Equatable {
    package let block: Int
    package let head: Int
    package let tokens: Int
    /// (tokens, tokens): row i has what query i takes of each key; it sums to 1 over keys 0...i and is 0 behind.
    package let weights: [Float]

    package init(block: Int, head: Int, tokens: Int, weights: [Float]) {
        self.block = block
        self.head = head
        self.tokens = tokens
        self.weights = weights
    }
}
