import CWire
import Experience

extension LifetimeIdentifier: WireValue {
    static var initialiser: (UnsafeMutablePointer<Distillery__LifetimeIdentifier>?) -> Void {
        distillery__lifetime_identifier__init
    }

    func encode(into body: inout Distillery__LifetimeIdentifier, _ arena: EncodingArena) {
        if case .evaluation(let name) = collection { body.evaluation = arena.string(name) }
        body.task = UInt32(task)
        body.repetition = UInt32(repetition)
    }

    init(decoding body: Distillery__LifetimeIdentifier) throws {
        let isEvaluation = !Field.text(body.evaluation).isEmpty
        self.init(
            collection: isEvaluation ? .evaluation(try Field.name(body.evaluation, "evaluation")) : .histories,
            task: Int(body.task), repetition: Int(body.repetition))
    }
}
