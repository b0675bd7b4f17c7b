import CWire
import Experience

extension LifetimeIdentifier: WireValue {
    static var initialiser: (UnsafeMutablePointer<Distillery__LifetimeIdentifier>?) -> Void {
        distillery__lifetime_identifier__init
    }

    /// Histories have an empty `evaluation`.
    func encode(into body: inout Distillery__LifetimeIdentifier, _ arena: EncodingArena) {
        if case .evaluation(let name) = collection { body.evaluation = arena.string(name) }
        body.task = UInt32(task)
        body.repetition = UInt32(repetition)
    }

    /// Throws where the evaluation's name could not be a folder's. Task and repetition may be any 32-bit numbers:
    /// whether the run has them is for the role to find.
    init(decoding body: Distillery__LifetimeIdentifier) throws {
        let isEvaluation = !Field.text(body.evaluation).isEmpty
        self.init(
            collection: isEvaluation ? .evaluation(try Field.name(body.evaluation, "evaluation")) : .histories,
            task: Int(body.task), repetition: Int(body.repetition))
    }
}
