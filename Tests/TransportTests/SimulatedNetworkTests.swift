import TestSupport
import Testing
import Transport

@Suite("The simulated network") struct SimulatedNetworkTests {
    let seed = testSeed()

    func network(_ change: (inout NetworkConditions) -> Void = { _ in }) -> SimulatedNetwork<String> {
        var conditions = NetworkConditions()
        change(&conditions)
        return SimulatedNetwork(seed: seed, clock: ManualClock(), conditions: conditions)
    }

    /// 500 messages from two senders, until none is under way.
    func run(_ network: SimulatedNetwork<String>) -> [SimulatedNetwork<String>.Delivery] {
        for number in 0..<250 {
            for sender in ["a", "b"] {
                network.send([UInt8(number)], from: sender, to: "c")
            }
            network.clock.advance(nanoseconds: 100_000)
        }
        var received: [SimulatedNetwork<String>.Delivery] = []
        while let next = network.receive(by: 1_000_000_000) { received.append(next) }
        return received
    }

    @Test("without faults everything arrives once, later than it was sent, in order for each pair")
    func faultless() {
        let received = run(network())
        #expect(received.count == 500, "seed \(seed)")
        for sender in ["a", "b"] {
            #expect(received.filter { $0.from == sender }.map(\.bytes) == (0..<250).map { [UInt8($0)] }, "seed \(seed)")
        }
        #expect(received.map(\.moment) == received.map(\.moment).sorted(), "seed \(seed)")
        #expect(Set(received.map(\.from).prefix(200)).count == 2, "seed \(seed)")
    }

    @Test("the same seed does the same to the same messages")
    func repeatable() {
        let change: (inout NetworkConditions) -> Void = {
            $0.dropped = 0.1
            $0.duplicated = 0.1
            $0.keepsOrder = false
        }
        let first = network(change)
        let second = network(change)
        let received = (run(first), run(second))
        #expect(received.0.map(\.bytes) == received.1.map(\.bytes), "seed \(seed)")
        #expect(received.0.map(\.moment) == received.1.map(\.moment), "seed \(seed)")
        #expect(first.counts == second.counts, "seed \(seed)")
        #expect(first.counts.dropped > 0 && first.counts.duplicated > 0, "seed \(seed)")
        #expect(first.counts.delivered == 500 - first.counts.dropped + first.counts.duplicated, "seed \(seed)")
        let numbers = received.0.filter { $0.from == "a" }.map(\.bytes[0])
        #expect(numbers != numbers.sorted(), "seed \(seed)")
    }

    @Test("a partition swallows what is under way and what is sent, until it heals")
    func partition() {
        let network = network()
        network.send([1], from: "a", to: "c")
        network.send([2], from: "a", to: "b")
        network.partition(["a", "b"], from: ["c"])
        network.send([3], from: "c", to: "b")
        #expect(network.receive(by: 1_000_000_000)?.bytes == [2])
        #expect(network.receive(by: 2_000_000_000) == nil)
        #expect(network.clock.now == 2_000_000_000)
        #expect(network.counts.cut == 2)
        network.heal()
        network.send([4], from: "a", to: "c")
        #expect(network.receive() == nil)
        #expect(network.receive(by: 3_000_000_000)?.bytes == [4])
    }

    @Test("one direction can be cut alone, and a node that is gone loses what is under way")
    func oneWay() {
        let network = network()
        network.cut(from: "a", to: "b")
        network.send([1], from: "a", to: "b")
        network.send([2], from: "b", to: "a")
        network.send([3], from: "c", to: "d")
        network.forget("d")
        #expect(network.receive(by: 1_000_000_000)?.bytes == [2])
        #expect(network.receive(by: 1_000_000_000) == nil)
    }
}
