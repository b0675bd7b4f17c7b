/// A distribution whose tasks place one thing anywhere on the plane, such as a platform, and differ in nothing else.
///
/// A capability beside `EnvironmentKind`: reports draw by it where the places lie, how each ends, and the paths to them.
/// `GridTasks` is the one for places in a grid.
package protocol PlacedTasks: MappedTasks {
    /// What a task places, such as `platform`.
    var placeName: String { get }
    /// What the maps of all tasks have in common: everything but the place.
    var ground: TaskMap { get }
    /// From the place's centre to its edge, in the map's lengths.
    var placeRadius: Float { get }
    /// The place's centre. Throws `EnvironmentError` for a task of another distribution.
    func place(of task: Task) throws -> SIMD2<Float>
}
