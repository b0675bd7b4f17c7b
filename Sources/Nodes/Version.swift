/// What streams, checkpoints and reports name as the software that made them.
package let softwareVersion = "0.1.0"
