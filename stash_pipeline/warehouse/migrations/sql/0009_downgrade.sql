DROP TABLE ops.stashbox_endpoints;
