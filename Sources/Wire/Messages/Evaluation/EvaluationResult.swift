import CWire

/// Evaluator to coordinator, again until it is acknowledged: a job is done, and its streams are durable.
///
/// A result of the wrong size is refused; the third one of a job ends the run with the evaluator's name.
package struct EvaluationResult: Sendable, Equatable {
    /// Of the `EvaluationJob` that is answered.
    package var job: UInt64
    /// (seeds, episodes), row after row; finite. Whether there are as many as the job asks for is for the coordinator
    /// to find.
    package var returns: [Float]

    /// `returns` has seeds * episodes elements where all went well.
    package init(job: UInt64, returns: [Float]) {
        self.job = job
        self.returns = returns
    }
}

extension EvaluationResult: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__EvaluationResult>?) -> Void {
        distillery__evaluation_result__init
    }
    static var place: EnvelopePlace<Distillery__EvaluationResult> {
        .init(DISTILLERY__ENVELOPE__BODY_EVALUATION_RESULT, \.evaluation_result)
    }

    func encode(into body: inout Distillery__EvaluationResult, _ arena: EncodingArena) {
        body.job = job
        (body.n_returns, body.returns) = arena.array(returns)
    }

    /// Throws for a return that is not finite.
    init(decoding body: Distillery__EvaluationResult) throws {
        job = body.job
        returns = Field.array(body.returns, body.n_returns)
        guard returns.allSatisfy(\.isFinite) else { throw WireError("a return that is not a number") }
    }
}
