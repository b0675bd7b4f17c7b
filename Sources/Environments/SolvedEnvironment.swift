/// An environment that knows what to do best, since it knows what its task hides: where the goal lies, which arm pays.
///
/// What it says is what `TaskDistribution.references` calls the optimum: the expected return of these actions. The
/// policy `optimum` acts by it in a copy of its own, so that it need not find out from observations what the copy
/// stands in. For example a dark room's copy that stands at (4, 4) with the goal at (3, 5) says 0, left.
package protocol SolvedEnvironment: Environment {
    /// Writes the best action of every copy as it stands now, (B, action bytes); changes nothing. No copy may wait for
    /// its reset.
    func chooseOptimally(into actions: UnsafeMutableRawPointer)
}
