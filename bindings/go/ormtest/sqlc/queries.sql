-- name: CreateOrder :one
INSERT INTO orders (event, note) VALUES (?, ?) RETURNING *;

-- name: GetOrder :one
SELECT * FROM orders WHERE event = ?;

-- name: ListOrders :many
SELECT * FROM orders ORDER BY id;

-- name: DeleteOrders :execrows
DELETE FROM orders;
