// Package importer turns recorded figures of other vendors into tapes that the
// engine's own decoder reads. What the vendor recorded is kept to the paisa;
// what the vendor did not record is modelled, the tape's header says how, and
// the report counts every defect that was met and what was done about it. It
// owns no data, and it refuses what it does not understand rather than skip it
// in silence.
package importer
