#if MPI
    internal import CMPI
    import Distillation
    import Foundation

    /// The ranks of `MPI_COMM_WORLD`.
    ///
    /// The main thread makes all calls. A thread of its own watches over those ranks that run on the same host, since a call
    /// of MPI waits for a dead rank without end; `mpirun` and `srun` watch over all of them, but name process numbers alone.
    final class MPIRanks: LaunchedRanks {
        let rank: Int
        let count: Int
        let names: [String]
        private let watch: RankWatch

        /// Numbers of one call: MPI counts in 32 bits.
        private static let longestCall = 1 << 26

        /// Throws `LaunchError` where MPI finds other processes than the launcher has started.
        init(_ launch: Launch) throws(LaunchError) {
            var (rank, count): (Int32, Int32) = (0, 0)
            distillery_mpi_begin(&rank, &count)
            (self.rank, self.count) = (Int(rank), Int(count))
            guard count == launch.count else {
                distillery_mpi_end()
                throw LaunchError(
                    description:
                        "the launcher has started \(launch.count) processes (\(launch.variable)), of which MPI "
                        + "finds \(count): on Slurm start them by srun --mpi=pmix, elsewhere by OpenMPI's mpirun")
            }
            let own = RankProcess.own
            let processes = Self.gather(own.text, count: self.count).map(RankProcess.init)
            names = processes.enumerated().map { number, process in
                "rank \(number) of \(count) (host \(process.host), process \(process.identifier))"
            }
            watch = RankWatch(rank: self.rank, processes: processes, names: names)
            watch.start()
        }

        func sum(_ numbers: UnsafeMutablePointer<Float>, count: Int) {
            inPieces(count, of: "the sum of the gradients") { distillery_mpi_sum_floats(numbers + $0, $1) }
        }

        func sum(_ numbers: UnsafeMutablePointer<Double>, count: Int) {
            inPieces(count, of: "the sum of the losses") { distillery_mpi_sum_doubles(numbers + $0, $1) }
        }

        func broadcast(_ bytes: UnsafeMutableRawBufferPointer) {
            guard let start = bytes.baseAddress else { return }
            inPieces(bytes.count, of: "what rank 0 has read") { distillery_mpi_broadcast(start + $0, $1) }
        }

        func gather(_ text: String) -> [String] {
            watch.waiting(for: "word of every rank") { Self.gather(text, count: count) }
        }

        func leave() {
            // From here on a rank that is gone has ended in good order.
            watch.stop()
            distillery_mpi_barrier()
            distillery_mpi_end()
        }

        func abort() -> Never {
            watch.stop()
            distillery_mpi_abort(1)
            exit(1)
        }

        private func inPieces(_ count: Int, of what: String, _ call: (_ first: Int, _ count: Int32) -> Void) {
            watch.waiting(for: what) {
                for first in stride(from: 0, to: count, by: Self.longestCall) {
                    call(first, Int32(min(Self.longestCall, count - first)))
                }
            }
        }

        /// Texts of any length: their lengths first.
        private static func gather(_ text: String, count: Int) -> [String] {
            let own = Array(text.utf8)
            var lengths = [Int](repeating: 0, count: count)
            withUnsafeBytes(of: own.count) { length in
                distillery_mpi_gather(length.baseAddress, Int32(length.count), &lengths)
            }
            let room = max(1, lengths.max() ?? 0)
            let padded = own + [UInt8](repeating: 0, count: room - own.count)
            var all = [UInt8](repeating: 0, count: room * count)
            distillery_mpi_gather(padded, Int32(room), &all)
            return lengths.enumerated().map { rank, length in
                String(decoding: all[(rank * room)..<(rank * room + length)], as: UTF8.self)
            }
        }
    }
#endif
