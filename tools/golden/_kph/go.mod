module golden

go 1.26

require github.com/klauspost/pgzip v1.2.6

require github.com/klauspost/compress v1.19.2 // indirect
