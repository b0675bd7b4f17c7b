import Neural

/// What an actor's network remembers of B sequences that are stepped together, under parameters that stay the same for
/// many steps. What a sequence gets has the same bits whatever sequences stand beside it. Belongs to one thread.
protocol SteppedMemory: AnyObject {
    /// Takes over parameters; what is remembered stays.
    func load(_ parameters: UnsafePointer<Float>)
    /// Forgets a sequence.
    func clear(_ sequence: Int)
    /// One step of all sequences. `inputs`: (B, components), which inputs are 1; `numbers`: (B) the last input. Lends
    /// (B, width) until the next step.
    func step(inputs: UnsafePointer<Int32>, numbers: UnsafePointer<Float>) -> UnsafePointer<Float>
    /// What is remembered of one sequence. For comparison.
    func state(of sequence: Int) -> [Float]
}

extension SteppedLSTM: SteppedMemory {}
