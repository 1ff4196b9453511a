insert into shard_1 values (3, null, null, '{}'); update shard_1 set v = null where id = 1; update shard_1 set id = 4 where id = 2; delete from shard_1 where id = 1; delete from shard_2;
insert into other values (4, 'up-west', 'y'); update other set goes = 'west' where id = 1; update other set id = 9 where id = 2; delete from other where id in (1, 3);
