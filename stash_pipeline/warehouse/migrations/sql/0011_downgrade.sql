DROP TABLE ops.cadence;
