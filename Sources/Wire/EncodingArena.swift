import CProtobufC
import CWire
import Experience
import Foundation

/// Memory for the C structures of one message while it is packed.
final class EncodingArena {
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit { for block in blocks { block.deallocate() } }

    /// A structure that lives as long as the arena.
    func make<C>(_ initial: C, _ fill: (inout C) -> Void) -> UnsafeMutablePointer<C> {
        let pointer = allocate(C.self, count: 1)
        pointer.initialize(to: initial)
        fill(&pointer.pointee)
        return pointer
    }

    func string(_ text: String) -> UnsafeMutablePointer<CChar> {
        let characters = Array(text.utf8CString)
        let pointer = allocate(CChar.self, count: characters.count)
        pointer.initialize(from: characters, count: characters.count)
        return pointer
    }

    func bytes<Element>(_ elements: [Element]) -> ProtobufCBinaryData {
        let count = elements.count * MemoryLayout<Element>.stride
        let pointer = allocate(UInt8.self, count: max(1, count))
        elements.withUnsafeBytes { source in
            if let base = source.baseAddress {
                UnsafeMutableRawPointer(pointer).copyMemory(from: base, byteCount: count)
            }
        }
        return ProtobufCBinaryData(len: count, data: pointer)
    }

    func array<Element>(_ elements: [Element]) -> UnsafeMutablePointer<Element> {
        let pointer = allocate(Element.self, count: max(1, elements.count))
        pointer.initialize(from: elements, count: elements.count)
        return pointer
    }

    func lifetime(_ lifetime: LifetimeIdentifier) -> UnsafeMutablePointer<Distillery__LifetimeIdentifier> {
        var initial = Distillery__LifetimeIdentifier()
        distillery__lifetime_identifier__init(&initial)
        return make(initial) {
            if case .evaluation(let name) = lifetime.collection { $0.evaluation = string(name) }
            $0.task = UInt32(lifetime.task)
            $0.repetition = UInt32(lifetime.repetition)
        }
    }

    /// A number that is none, such as the loss of a training that has diverged, is left out: nobody takes it.
    func numbers(_ numbers: [String: Double]) -> UnsafeMutablePointer<UnsafeMutablePointer<Distillery__NamedNumber>?> {
        array(
            finite(numbers).sorted { $0.key < $1.key }.map { name, value in
                var initial = Distillery__NamedNumber()
                distillery__named_number__init(&initial)
                return make(initial) {
                    $0.name = string(name)
                    $0.value = value
                }
            })
    }

    func finite(_ numbers: [String: Double]) -> [String: Double] { numbers.filter(\.value.isFinite) }

    private func allocate<C>(_ type: C.Type, count: Int) -> UnsafeMutablePointer<C> {
        let block = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, count * MemoryLayout<C>.stride), alignment: max(16, MemoryLayout<C>.alignment))
        blocks.append(block)
        return block.bindMemory(to: C.self, capacity: count)
    }
}
