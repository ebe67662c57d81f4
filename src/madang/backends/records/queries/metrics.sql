-- Summaries of metrics, one row a (name, run).

-- name: metrics_of_runs
SELECT run, metrics FROM run_states WHERE run = ANY(:runs);

-- name: put_metrics_of_run
UPDATE run_states SET metrics = :metrics WHERE run = :run;

-- name: put_metric
INSERT INTO metrics (name, run, kind, goal, count, last, words, low, high, numbers, total, last_step, last_time, last_segment,
    last_sequence, low_step, high_step, exact, rest)
VALUES (:name, :run, :kind, :goal, :count, :last, :words, :low, :high, :numbers, :total, :last_step, :last_time, :last_segment,
    :last_sequence, :low_step, :high_step, :exact, :rest)
ON CONFLICT (name, run) DO UPDATE SET kind = excluded.kind, goal = excluded.goal, count = excluded.count,
    last = excluded.last, words = excluded.words, low = excluded.low, high = excluded.high, numbers = excluded.numbers,
    total = excluded.total, last_step = excluded.last_step, last_time = excluded.last_time,
    last_segment = excluded.last_segment, last_sequence = excluded.last_sequence, low_step = excluded.low_step,
    high_step = excluded.high_step, exact = excluded.exact, rest = excluded.rest;

-- name: put_goal
UPDATE metrics SET goal = :goal WHERE name = :name AND run = :run;

-- name: put_hand
INSERT INTO metrics (name, run, kind, goal, count, hand, words, numbers, total, last_step, last_time, last_segment,
    last_sequence, low_step, high_step)
VALUES (:name, :run, 0, :goal, 0, :hand, :words, 0, 0, 0, 0, 0, 0, 0, 0)
ON CONFLICT (name, run) DO UPDATE SET hand = excluded.hand;

-- name: drop_hands
UPDATE metrics SET hand = NULL WHERE run = :run AND name = ANY(:names) AND hand IS NOT NULL;

-- name: drop_metrics
DELETE FROM metrics WHERE run = :run AND name = ANY(:names) AND count > 0;

-- name: logged_metrics
SELECT name FROM metrics WHERE run = :run AND name = ANY(:names) AND count > 0;

-- name: get_named_metrics
SELECT m.run, n.name, m.kind, m.count, m.last, m.low, m.high, m.numbers, m.total, m.last_step, m.last_time, s.id,
    m.last_sequence, m.low_step, m.high_step, m.exact, m.rest
FROM metrics m JOIN names n ON n.number = m.name LEFT JOIN segments s ON s.number = m.last_segment
WHERE m.name = ANY(:names) AND m.run = ANY(:runs) AND m.count > 0;

-- name: count_project_metric
INSERT INTO project_metrics (project, name, kind, runs) VALUES (:project, :name, :kind, :runs)
ON CONFLICT (project, name) DO UPDATE SET runs = project_metrics.runs + excluded.runs;

-- name: metric_keys_of_project
SELECT n.number, n.name, p.kind, p.runs FROM project_metrics p JOIN names n ON n.number = p.name
WHERE p.project = :project AND p.runs > 0 ORDER BY n.name;
