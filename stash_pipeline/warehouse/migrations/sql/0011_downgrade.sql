DROP INDEX ops.notifications_kind_idx;

DROP TABLE ops.notifications;
