import Processes
import Testing

@Suite("Room for processes") struct ProcessRoomTests {
    @Test("the scarcest of processors, memory and threads is the bound, and is named")
    func scarcest() {
        let processors = ProcessRoom(processors: 2, freeBytes: 1 << 40, freeThreads: 1 << 20)
        #expect(processors.processes == 128)
        #expect(processors.reason == "64 for each of 2 processors")
        let memory = ProcessRoom(processors: 2, freeBytes: 496 << 20, freeThreads: nil)
        #expect(memory.processes == 10)
        #expect(memory.reason.contains("240 MiB of memory"))
        let threads = ProcessRoom(processors: 2, freeBytes: nil, freeThreads: 128 + 60)
        #expect(threads.processes == 10)
        #expect(threads.reason.contains("ulimit -u"))
    }

    @Test("a machine with less than its reserve has room for none") func none() {
        #expect(ProcessRoom(processors: 1, freeBytes: 1 << 20, freeThreads: 3).processes == 0)
    }

    @Test("this machine has room for what the tests start") func now() {
        let room = ProcessRoom.now()
        #expect(room.processes > 8, "\(room)")
    }
}
