/// What policies and networks see of the observations that a stream stores, where the two are not the same.
///
/// A stream keeps what describes a moment in the fewest bytes and for good, such as the pose of an agent; a view makes
/// of it what an agent sees there, such as a picture. The same bytes go to learner and recorder, and actor, learner and
/// distiller each put the view in front of their own network.
///
/// A view belongs to one task, since what is seen may depend on it, and gives the same bytes for the same stored
/// observation wherever it runs. Any thread may call it, several at a time.
package protocol ObservationView: Sendable {
    /// Reads (count, stored bytes) and writes (count, observation bytes). `stored` need not be aligned.
    ///
    /// Elements lie in the stored space; what comes from outside was checked before. Allocates nothing where it can.
    func see(_ stored: UnsafeRawPointer, count: Int, into observations: UnsafeMutableRawPointer)
}
